"""Closed forms that trainings are held against: arrays in, arrays out, one function a formula."""
