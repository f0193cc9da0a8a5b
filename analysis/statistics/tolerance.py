"""The two numbers below which a quantity counts as zero, stated once."""

NEGLIGIBLE = 1e-12
"""A spread, an error, an information or a slope below this is none: rounding leaves as much."""
SMALLEST_DIVISOR = 1e-300
"""Replaces a divisor of zero where the quotient is not used or may be as large as floats go."""
