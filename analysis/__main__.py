"""`python -m analysis` is the command `bocnn-analysis`."""

from analysis.cli import main

main()
