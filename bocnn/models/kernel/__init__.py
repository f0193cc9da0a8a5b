"""Wide ReLU networks on unit vectors in the kernel regime: a further model of the sweep protocol."""
