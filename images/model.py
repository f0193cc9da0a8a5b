"""The model `kernel` with real images: the only place where what reads files and what trains meet."""

from typing import Final

from bocnn.kernel.model import Kernel
from images.classes import two_classes

MODEL: Final = Kernel(two_classes)
