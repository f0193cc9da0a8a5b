"""Where shards are trained: in this process, or as trials of Ray Tune."""
