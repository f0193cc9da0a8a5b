"""Datasets as they are read: files, queries, records along the training."""
