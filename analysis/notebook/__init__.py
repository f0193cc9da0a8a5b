"""From a dataset to a figure in a notebook, each result a record that shows itself and knows the next step."""
