"""One loss a file, each with its source and equation."""
