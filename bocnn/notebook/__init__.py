"""One network at a time, for notebooks: `bocnn.train`. Imports nothing that compiles before a call."""
