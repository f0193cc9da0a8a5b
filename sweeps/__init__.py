"""A declared sweep becomes shards, shards become Ray Tune trials, trials become an Arrow dataset.

A model is known only through the small protocol in `sweeps.protocol`; what the rows mean and how they
are drawn is left to `analysis`.
"""
