"""How compiled code is made: by numba, as stages of machine code that are kept on disk and shipped."""
