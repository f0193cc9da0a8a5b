"""Two-layer CNNs on signal-plus-noise data: exact training on the Gram matrix, as pure functions.

`train` trains one network and returns its measures and trajectory; `MODEL` is the model as a sweep sees it.
Arrays in, arrays out: no files, no Ray, no clock, no global seed. What schedules runs and stores rows is
`sweeps`; what reads them is `analysis`.
"""

from typing import TYPE_CHECKING

from bocnn.lazy import load_name
from bocnn.notebook.result import TrainingResult
from bocnn.notebook.train import train

if TYPE_CHECKING:
    from bocnn.models.cnn.model import MODEL
else:
    __getattr__ = load_name  # MODEL is imported at its first use

__all__ = ["MODEL", "TrainingResult", "train"]
