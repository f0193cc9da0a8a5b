"""The commands on sweeps: presets, show, init, plan, run, status, verify, compact."""

from sweeps.cli.app import app, main

__all__ = ["app", "main"]
