"""Patch CNNs of two and more layers on the Gram matrix: a further model of the sweep protocol."""
