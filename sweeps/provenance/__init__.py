"""What decides the last digits of a row: code, machine, sessions, and what a dataset mixes."""
