"""Parameters of a run: columns, words that engines accept, idle parameters, keys, precision."""
