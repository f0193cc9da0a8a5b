"""What is measured on a trained network, and along its training."""
