"""Further models of the sweep protocol."""
