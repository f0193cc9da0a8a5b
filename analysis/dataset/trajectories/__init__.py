"""Records along the training: which runs have them, and which cells are shown."""
