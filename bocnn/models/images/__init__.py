"""The patch CNN on real images, and what all models share that are trained on images."""
