"""The boundary of benign overfitting in a plane."""
