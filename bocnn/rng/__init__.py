"""Random numbers: Philox by counters, normals and chi variates."""
