"""One file per architecture; a card names its architecture by the name of the file."""
