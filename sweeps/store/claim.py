"""One driver at a time looks at a folder and writes its sweep: two that start together see each other.

Locally a file lock does it, which ends with its process; over a network file system as well, if that has
locks. On an object store each driver makes an object of its own and goes on when it sees no other: of two
that see each other, one withdraws until it sees none. That needs what S3 and GCS give: a list shows all
that was written before it.
"""

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout

from sweeps.errors import SweepError, UnwritableError
from sweeps.store.store import Store

CLAIM = ".claim"
WAIT_S = 60.0
"""How long another driver is waited for, which holds a folder for a few calls of its store."""

_CLAIM_POLL_S = 0.2


@contextmanager
def claimed(store: Store, name: str) -> Iterator[None]:
    """Hold a folder against other drivers that start.

    Args:
        store: the folder.
        name: what is going to be written in it, for a message.
    Raises:
        SweepError: another one holds it for too long, or the folder is not writable.
    """
    with _claimed_locally(store, name) if store.is_local else _claimed_remotely(store):
        yield


@contextmanager
def _claimed_locally(store: Store, name: str) -> Iterator[None]:
    """Hold a local folder by a lock on a file, which is removed while it is held: others lock a new one."""
    path = os.path.join(store.root, CLAIM)
    lock = FileLock(path, timeout=WAIT_S)
    try:
        os.makedirs(store.root, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise _busy(store, CLAIM) from None
    except OSError as error:
        raise UnwritableError(
            f"cannot write {name} in {store.location}: {error.strerror or error}; free space, correct the "
            "rights or name another --out, then run the same command again"
        ) from None
    try:
        yield
    finally:
        with suppress(OSError):
            os.unlink(path)
        lock.release()


@contextmanager
def _claimed_remotely(store: Store) -> Iterator[None]:
    """Hold a folder of an object store by an object, made while there is no other of its kind."""
    mine = f"{CLAIM}-{uuid.uuid4().hex}"
    end = time.monotonic() + WAIT_S
    try:
        store.put(mine, b"")
        while others := set(store.hidden(CLAIM)) - {mine}:
            if time.monotonic() > end:
                raise _busy(store, ", ".join(sorted(others)))
            if min(others) < mine:  # withdraw, so that of all that wait the first goes on
                store.drop(mine)
                while store.hidden(CLAIM) and time.monotonic() <= end:
                    time.sleep(_CLAIM_POLL_S)
                store.put(mine, b"")
            else:
                time.sleep(_CLAIM_POLL_S)
        yield
    finally:
        store.drop(mine)


def _busy(store: Store, names: str) -> SweepError:
    return SweepError(
        f"another driver has been starting in {store.location} for {WAIT_S:.0f} s; if none is, remove "
        f"{names} from the folder, then run the same command again"
    )
