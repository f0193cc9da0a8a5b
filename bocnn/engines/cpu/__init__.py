"""The gram engine on the CPU."""
