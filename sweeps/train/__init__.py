"""The training of shards and what is shown of it."""
