"""Data models: what is drawn, and where the training patches are."""
