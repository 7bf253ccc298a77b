"""The HTTP service: a description in, ranked person crops out."""
