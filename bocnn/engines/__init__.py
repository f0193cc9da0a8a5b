"""Engines train runs. Each says which it accepts; `bocnn.engines.registry` lists them in order."""
