"""One step of training, its activations and losses."""
