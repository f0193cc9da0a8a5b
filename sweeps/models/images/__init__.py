"""Real images of two classes, read from files, as data of the kernel regime."""
