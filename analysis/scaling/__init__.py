"""Scaling laws of boundaries, and their comparison with theory."""
