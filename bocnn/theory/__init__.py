"""Closed forms that trainings are compared with: arrays in, arrays out, one function a formula."""
