"""One data set a file (or folder, where it is generated)."""
