"""Two-layer networks in the proportional limit: closed forms, their equivalents, moments of activations."""
