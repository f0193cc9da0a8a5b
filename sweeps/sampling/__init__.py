"""Adaptive sampling: which runs of a sweep's cells a target needs next, from those that are published."""
