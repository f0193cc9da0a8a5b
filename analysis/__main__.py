"""`python -m analysis` is the commands `bocnn report` and `bocnn open`."""

from analysis.cli import main

main()
