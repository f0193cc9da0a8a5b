"""Bytes under names in one folder, local or on an object store: published whole or not at all.

What the names and bytes mean is left to `sweeps.dataset`.
"""

import os
import time
import uuid
from contextlib import suppress
from pathlib import Path

from pyarrow import ArrowException, NativeFile
from pyarrow import fs as arrow_fs

from sweeps.mistakes import SweepError

TEMPORARY = ".tmp-"
_STALE_S = 24 * 3600.0


class Store:
    """A folder: a local path, or a URI that pyarrow.fs reads (s3://, gs://, file://)."""

    def __init__(self, location: str) -> None:
        self.location = location
        try:
            if "://" in location:
                self._fs, self._root = arrow_fs.FileSystem.from_uri(location)
            else:
                self._fs, self._root = arrow_fs.LocalFileSystem(), os.path.abspath(location)
        except (ArrowException, OSError, ValueError) as error:
            raise SweepError(
                f"cannot open {location}: {error}; expected a folder or s3://…"
            ) from None
        self._local = isinstance(self._fs, arrow_fs.LocalFileSystem)

    def names(self) -> list[str]:
        """Names of the published files, sorted; none where the folder does not exist.

        Raises:
            SweepError: it is not a folder, or cannot be listed.
        """
        selector = arrow_fs.FileSelector(self._root, allow_not_found=True)
        try:
            infos = self._fs.get_file_info(selector)
        except FileNotFoundError:  # another driver makes the folder at this moment
            return []
        except (ArrowException, OSError) as error:
            raise SweepError(
                f"cannot list {self.location}: {error}; expected a folder or s3://…"
            ) from None
        names = (info.base_name for info in infos if info.type == arrow_fs.FileType.File)
        return sorted(name for name in names if not name.startswith("."))

    def put(self, name: str, data: bytes) -> None:
        """Publish a file: readers see all of it or nothing, and the last of equal names stays.

        Local files are written under a temporary name, flushed to the disk and renamed; an object
        store makes an object visible only when its upload is complete.

        Raises:
            SweepError: the folder cannot be written.
        """
        try:
            if self._local:
                self._put_local(Path(self._root), name, data)
            else:
                with self._fs.open_output_stream(f"{self._root}/{name}") as stream:
                    stream.write(data)
        except OSError as error:
            raise SweepError(
                f"cannot write {name} in {self.location}: {error.strerror or error}; "
                "free space, correct the rights or name another --out, then run the same command again"
            ) from None

    def _put_local(self, root: Path, name: str, data: bytes) -> None:
        root.mkdir(parents=True, exist_ok=True)
        temporary = root / f"{TEMPORARY}{name}-{uuid.uuid4().hex}"
        try:
            with temporary.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(root / name)
        finally:
            temporary.unlink(missing_ok=True)

    def open(self, name: str) -> NativeFile:
        """A published file, for random access."""
        return self._fs.open_input_file(f"{self._root}/{name}")

    def get(self, name: str) -> bytes:
        """The bytes of a published file."""
        with self.open(name) as stream:
            return bytes(stream.read())

    def drop_stale(self) -> None:
        """Remove temporary files that killed processes left behind, when they are a day old."""
        if not self._local:
            return
        for path in Path(self._root).glob(f"{TEMPORARY}*"):
            with suppress(OSError):  # another driver may have removed it first
                if time.time() - path.stat().st_mtime > _STALE_S:
                    path.unlink()
