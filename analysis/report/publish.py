"""Files of a report are published together: what is cut short leaves the folder as it was."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def published(folder: Path, last: str) -> Iterator[Path]:
    """A folder to write into, whose files go to another one when all of them are there.

    A new folder appears whole. In one that exists, files of the same name are replaced one by one, and
    others stay.

    Args:
        folder: where the files belong.
        last: the file that is replaced last, so that what it links to is there before it.
    Raises:
        OSError: the folder cannot be made or written.
    """
    exists = folder.is_dir()
    if folder.exists() and not exists:
        raise NotADirectoryError(f"'{folder}' is a file")
    near = folder if exists else folder.parent
    near.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".report-", dir=near) as scratch:
        whole = Path(scratch) / "whole"
        whole.mkdir()
        yield whole
        if not exists:
            whole.rename(folder)
            return
        files = [path for path in whole.rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: (path == whole / last, path)):
            target = folder / path.relative_to(whole)
            target.parent.mkdir(exist_ok=True)
            os.replace(path, target)
