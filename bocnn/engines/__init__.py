"""Engines: what trains runs. Each says what it accepts; `bocnn.engines.registry` lists them in order."""
