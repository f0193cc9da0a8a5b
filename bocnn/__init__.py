"""Two-layer CNNs on signal-plus-noise data: exact training on the Gram matrix, as pure functions.

Arrays in, arrays out: no files, no Ray, no clock, no global seed. What schedules runs and stores rows is
`sweeps`; what reads them is `analysis`.
"""

from bocnn.model import MODEL

__all__ = ["MODEL"]
