"""How compiled code is written: lanes of a vector, memory, products, exponentials."""
