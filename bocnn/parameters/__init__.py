"""What a run is given: columns, words that engines accept, idle parameters, keys, precision."""
