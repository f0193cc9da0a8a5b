"""Sections on the runs themselves: how they ended, and where they are from."""
