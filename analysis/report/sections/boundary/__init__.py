"""Sections on the plane and its boundary."""
