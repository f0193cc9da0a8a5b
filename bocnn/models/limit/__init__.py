"""Gradient descent at d = ∞, exactly: a further model of the sweep protocol."""
