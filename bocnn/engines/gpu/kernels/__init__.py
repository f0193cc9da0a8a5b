"""Triton kernels: what is drawn, trained and measured, one program or one tile of runs at a time."""
