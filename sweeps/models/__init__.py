"""Models as sweeps know them: their protocol, the installed ones, images that some need."""
