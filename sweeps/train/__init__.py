"""Training of shards, and its display."""
