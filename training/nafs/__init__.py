"""What NAFS trains with."""
