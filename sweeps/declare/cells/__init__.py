"""A sweep checked against its model: its cells, their random draws, the identity of its runs."""
