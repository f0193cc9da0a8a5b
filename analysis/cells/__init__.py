"""Rows become cells."""
