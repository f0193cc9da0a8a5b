"""A sweep file: YAML with line numbers, its keys and sizes, and the sweeps that are shipped."""
