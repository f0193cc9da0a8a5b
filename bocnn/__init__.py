"""Two-layer CNNs on signal-plus-noise data: exact training on the Gram matrix, as pure functions.

`train` trains one network and returns its measures and trajectory; `MODEL` is the model as a sweep sees it.
Arrays in, arrays out: no files, no Ray, no clock, no global seed. What schedules runs and stores rows is
`sweeps`; what reads them is `analysis`.
"""

from typing import TYPE_CHECKING, Any

from bocnn.notebook.result import TrainingResult
from bocnn.notebook.train import train

__all__ = ["MODEL", "TrainingResult", "train"]

if TYPE_CHECKING:
    from bocnn.models.cnn.model import MODEL
else:

    def __getattr__(name: str) -> Any:
        """`MODEL`, imported at its first use, so that `import bocnn` stays light."""
        if name != "MODEL":
            raise AttributeError(f"module 'bocnn' has no attribute {name!r}")
        from bocnn.models.cnn.model import MODEL

        return MODEL
