"""Who searched what, and for which purpose: rows of a database, kept as long as they must be."""
