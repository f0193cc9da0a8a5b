"""Attributes of the package that are imported at their first use: `import bocnn` stays light."""

from importlib import import_module
from typing import Any, Final

HEAVY: Final = {"MODEL": "bocnn.models.cnn.model"}
"""Names, and the modules that define them and import what compiles."""


def load_name(name: str) -> Any:
    """The attribute of that name.

    Raises:
        AttributeError: there is none.
    """
    if name not in HEAVY:
        raise AttributeError(f"module 'bocnn' has no attribute {name!r}")
    return getattr(import_module(HEAVY[name]), name)
