"""A page on loopback that shows a dataset as it grows: nothing of it is written, or leaves this machine."""
