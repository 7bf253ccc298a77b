"""Rendered people: person crops, exact attributes and true captions, all from one seed."""
