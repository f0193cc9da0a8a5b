"""Sections on measures along x and along the training."""
