"""What a run can be made of, by the words of the dataset: one file for each kind of thing.

A word that is in no registry is refused. What is added here is trained by the dense engine; an engine that
has a faster way for it says so in its own words. Nothing is imported from numba or torch before it is used.
"""
