"""Sections on the laws that boundaries follow."""
