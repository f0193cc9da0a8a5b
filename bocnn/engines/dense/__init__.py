"""The dense network in d dimensions: the oracle of the gram engines."""
