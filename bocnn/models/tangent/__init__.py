"""The kernel at the start of the two-layer CNN: a further model of the sweep protocol."""
