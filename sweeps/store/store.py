"""Bytes under names in one folder, local or on an object store: published whole or not at all.

What the names and bytes mean is left to `sweeps.store.dataset`.
"""

import errno
import os
import platform
import re
import uuid
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path

from pyarrow import ArrowException, NativeFile
from pyarrow import fs as arrow_fs

from sweeps.errors import SweepError, UnwritableError
from sweeps.store.retries import is_permanent, remedy, with_retries

TEMPORARY = ".tmp-"
"""How names of unfinished files begin; machine and process that write them follow."""

_UNFINISHED = re.compile(r"\.tmp-[0-9a-f]{8}-\d+-([0-9a-f]{8}-.+\.part|[0-9a-f]{8}-clock)")
"""Names of unfinished files as they are given here: a file of another name is somebody's own."""

_LASTING = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.ENOTDIR)
)
"""No space, no rights, no folder: what comes again for every file."""

_STALE_S = 3600.0
"""Age at which an unfinished file of another machine is taken as left behind: writing takes seconds."""


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

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of a file system."""
        return self._local

    @property
    def root(self) -> str:
        """The folder's path in its file system or object store."""
        return str(self._root)

    def hidden(self, prefix: str) -> list[str]:
        """Names of the files, not published ones, that begin so; the prefix begins with a dot."""
        selector = arrow_fs.FileSelector(self._root, allow_not_found=True)
        infos = with_retries(lambda: self._fs.get_file_info(selector), not self._local)
        return [info.base_name for info in infos if info.base_name.startswith(prefix)]

    def names(self) -> list[str]:
        """Names of the published files, sorted; none where the folder does not exist.

        Raises:
            SweepError: it is not a folder, or cannot be listed.
        """
        return sorted(self.sizes())

    def sizes(self) -> dict[str, int]:
        """Bytes of each published file, by name.

        Raises:
            SweepError: as `names`.
        """
        found = self.entries().items()
        return {name: info.size for name, info in found if info.type == arrow_fs.FileType.File}

    def entries(self) -> dict[str, arrow_fs.FileInfo]:
        """All that is published, by name, at one moment; nothing where the folder does not exist.

        A listing that files come into and go from meanwhile may miss one that was there before it went,
        and the one that has come in its stead. So it is taken again until none has gone since the last.

        Raises:
            SweepError: it is not a folder, or cannot be listed.
        """
        before = self._list()
        while True:
            after = self._list()
            if before.keys() <= after.keys():
                return after
            before = after

    def _list(self) -> dict[str, arrow_fs.FileInfo]:
        """One listing of the folder; a leading dot makes a file unpublished."""
        selector = arrow_fs.FileSelector(self._root, allow_not_found=True)
        try:
            infos = with_retries(lambda: self._fs.get_file_info(selector), not self._local)
        except FileNotFoundError:  # another driver makes the folder at this moment
            return {}
        except (ArrowException, OSError) as error:
            raise SweepError(
                f"cannot list {self.location}: {error}; expected a folder or s3://…"
                f"{remedy(str(error))}"
            ) from None
        return {info.base_name: info for info in infos if not info.base_name.startswith(".")}

    def put(self, name: str, data: bytes) -> None:
        """Publish a file: readers see all of it or nothing, and the last of equal names stays.

        Local files are written under a temporary name, flushed to the disk and renamed; an object
        store makes an object visible only when its upload is complete.

        Args:
            name: of the file, in the folder.
            data: its content.
        Raises:
            SweepError: the folder cannot be written.
        """
        try:
            if self._local:
                self._put_local(Path(self._root), name, data)
            else:
                with_retries(lambda: self._put_object(name, data), True)
        except OSError as error:
            lasts = error.errno in _LASTING or (not self._local and is_permanent(str(error)))
            raise (UnwritableError if lasts else SweepError)(
                f"cannot write {name} in {self.location}: {error.strerror or error}; "
                "free space, correct the rights or name another --out, then run the same command again"
                f"{remedy(str(error))}"
            ) from None

    def _put_object(self, name: str, data: bytes) -> None:
        """Write an object, in one piece: a failed one is never completed."""
        with self._fs.open_output_stream(f"{self._root}/{name}") as stream:
            stream.write(data)

    def _put_local(self, root: Path, name: str, data: bytes) -> None:
        root.mkdir(parents=True, exist_ok=True)
        temporary = root / f"{_unfinished()}{name}.part"
        try:
            with temporary.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(root / name)
        finally:
            temporary.unlink(missing_ok=True)

    def has(self, name: str) -> bool:
        """Whether a file is published."""
        try:
            path = f"{self._root}/{name}"
            info = with_retries(lambda: self._fs.get_file_info(path), not self._local)
        except (ArrowException, OSError) as error:
            refused = not self._local and is_permanent(str(error))
            raise (UnwritableError if refused else SweepError)(
                f"cannot look for {name} in {self.location}: {error}{remedy(str(error))}"
            ) from None
        return bool(info.type == arrow_fs.FileType.File)

    def open(self, name: str) -> NativeFile:
        """A published file, for random access."""
        return with_retries(
            lambda: self._fs.open_input_file(f"{self._root}/{name}"), not self._local
        )

    def get(self, name: str) -> bytes:
        """The bytes of a published file."""
        with self.open(name) as stream:
            return bytes(stream.read())

    def drop(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(OSError):
            self._fs.delete_file(f"{self._root}/{name}")

    def rename(self, old: str, new: str) -> None:
        """Give a file another name; nothing happens where it has gone.

        Args:
            old: name of a file in the folder.
            new: its name from now on.
        Raises:
            SweepError: the folder cannot be written.
        """
        try:
            self._fs.move(f"{self._root}/{old}", f"{self._root}/{new}")
        except FileNotFoundError:
            return
        except (ArrowException, OSError) as error:
            raise SweepError(
                f"cannot rename {old} in {self.location}: {error}; correct the rights, then run the same "
                f"command again{remedy(str(error))}"
            ) from None

    def sync(self) -> None:
        """Have the disk hold the folder's present list of files; an object store always does."""
        if self._local:
            folder = os.open(self._root, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def lock(self, name: str) -> bool:
        """Make a file that holds others off, unless one of a living process is there.

        On an object store it only holds off those who come later.
        """
        mine = f"{TEMPORARY}{_machine()}-{os.getpid()}-"
        if not self._local:
            if self.has(name):
                return False
            self.put(name, mine.encode())
            return True
        path = Path(self._root) / name
        for _ in range(2):
            try:
                with path.open("x") as stream:
                    stream.write(mine)
                return True
            except FileExistsError:
                with suppress(OSError):
                    if path.is_file() and _left_behind(path.read_text(errors="replace")):
                        path.unlink()
            except OSError as error:
                raise SweepError(f"cannot write in {self.location}: {error.strerror}") from None
        return False

    def drop_stale(self) -> None:
        """Remove unfinished files that killed processes left behind.

        Those of this machine go when their process is gone, those of others when they are an hour old
        by the clock of the file system, which is one for all.
        """
        there = Path(self._root).glob(f"{TEMPORARY}*") if self._local else []
        found = [path for path in there if _UNFINISHED.fullmatch(path.name)]
        if not found:
            return
        now = self._now()
        for path in found:
            with suppress(OSError):  # another driver may have removed it first
                if _left_behind(path.name) or now - path.stat().st_mtime > _STALE_S:
                    path.unlink()

    def _now(self) -> float:
        """The time by the clock of the folder's file system."""
        probe = Path(self._root) / f"{_unfinished()}clock"
        try:
            probe.touch(exist_ok=False)
            return probe.stat().st_mtime
        except OSError:  # a folder that cannot be written is reported when something is published
            return 0.0
        finally:
            probe.unlink(missing_ok=True)


@cache
def _machine() -> str:
    """Identity of this boot of this machine and its space of process numbers, in containers too."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        name = boot + os.readlink("/proc/self/ns/pid")
    except OSError:
        name = platform.node()
    return blake2b(name.encode(), digest_size=4).hexdigest()


def _unfinished() -> str:
    """How the name of an unfinished file of this process begins, another one each time."""
    return f"{TEMPORARY}{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}-"


def _left_behind(name: str) -> bool:
    """Whether an unfinished file is of this machine, and of a process that is gone."""
    machine, _, rest = name.removeprefix(TEMPORARY).partition("-")
    number = rest.partition("-")[0]
    if machine != _machine() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return False
