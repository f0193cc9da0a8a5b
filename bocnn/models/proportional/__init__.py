"""Fully connected two-layer networks in the proportional limit: a second model of the sweep protocol."""
