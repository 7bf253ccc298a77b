"""Encoders of person crops and descriptions, and the vocabulary the other packages share."""
