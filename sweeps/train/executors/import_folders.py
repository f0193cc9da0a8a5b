"""Folders that Ray's workers import from: those of the driver, and no others.

Ray adds the driver's working directory. Where that holds a clone, a folder named bocnn, workers would take
the clone for the package: other code than the driver's, or none.
"""

import os
import sys
from collections.abc import Iterable
from typing import Any


class _DriversFolders(list[str]):
    """Folders of a driver; it takes those alone that this process imports from."""

    def extend(self, folders: Iterable[str]) -> None:
        """Take folders that Ray names."""
        known = {os.path.abspath(folder) for folder in sys.path}
        super().extend(folder for folder in folders if os.path.abspath(folder) in known)


def as_here(job_config: Any) -> Any:
    """Have workers import from the folders of this process.

    Args:
        job_config: Ray's, new.
    Returns:
        The same.
    """
    job_config._py_driver_sys_path = _DriversFolders()
    return job_config
