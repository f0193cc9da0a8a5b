"""Curves and trajectories along the training."""
