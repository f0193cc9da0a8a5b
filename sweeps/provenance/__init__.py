"""Provenance of rows: code, machine, sessions, and what a dataset mixes."""
