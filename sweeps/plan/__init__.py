"""Planned runs, cut into shards, and their forecast cost."""
