"""The command bocnn-sweep: presets, plan, run, status, verify, compact."""

from sweeps.cli.app import app, main

__all__ = ["app", "main"]
