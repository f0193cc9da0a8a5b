"""Measures of a trained network, and along its training."""
