"""From a folder of person crops to a verified gallery on disk, and back to search results."""
