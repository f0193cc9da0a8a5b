"""Registries of words of the dataset: signals, noises, label processes, activations, losses, optimizers.

A word that is in no registry is refused. What is added here is trained by the dense engine; an engine that
has a faster way for it says so in its own words. Nothing is imported from numba or torch before it is used.
"""
