"""From a dataset to a figure in a notebook: each result shows itself and knows the next step."""
