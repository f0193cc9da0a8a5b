"""Predicted measures of runs, as a sweep can name them."""
