"""The two-layer CNN as a model of sweeps."""
