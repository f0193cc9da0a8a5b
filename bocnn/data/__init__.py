"""Data models: random draws, and coordinates of the training patches."""
