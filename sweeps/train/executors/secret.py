"""Ray's secret (its authentication token): whoever has it can run code as the user who started Ray.

A Ray that is started here gets a new one, which is on no disk. That of a cluster comes from where Ray looks
for it, and is kept private there.
"""

import logging
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sweeps.errors import SweepError

MODE = "RAY_AUTH_MODE"
TOKEN = "RAY_AUTH_TOKEN"
TOKEN_FILE = "RAY_AUTH_TOKEN_PATH"

_logger = logging.getLogger(__name__)


@contextmanager
def own_secret() -> Iterator[None]:
    """A new secret for a Ray that is started here, in the environment of its processes alone.

    Other users cannot read a process's environment, and no file holds the secret.

    Raises:
        SweepError: the environment demands a Ray without a secret.
    """
    mode = os.environ.get(MODE, "token")
    if mode != "token":
        raise SweepError(
            f"received {MODE}={mode}; a Ray on this machine is always started with a secret, since "
            f"without one any user of the machine could run code in it; unset {MODE}"
        )
    before = {name: os.environ.get(name) for name in (MODE, TOKEN)}
    os.environ[TOKEN] = secrets.token_hex(32)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def check_mode(address: str) -> str:
    """The authentication mode for a running cluster; a secret that comes from a file is made private.

    Raises:
        SweepError: nobody said whether the cluster has a secret, or there is none, or others can read it.
    """
    mode = os.environ.get(MODE)
    if mode not in ("token", "disabled"):
        received = f"no {MODE}" if mode is None else f"{MODE}={mode}"
        raise SweepError(
            f"received --address {address} and {received}; expected {MODE}=token, with the "
            f"cluster's secret in {TOKEN} or ~/.ray/auth_token; or {MODE}=disabled, where "
            "nobody else reaches the cluster"
        )
    if mode == "disabled":
        _logger.warning(
            "warning: %s=disabled: whoever reaches the ports of the Ray at %s can run code there as you",
            MODE,
            address,
        )
    elif not os.environ.get(TOKEN):
        _check_file(_token_file())
    return mode


def source() -> str:
    """Where the secret of a cluster is read from, in words."""
    return TOKEN if os.environ.get(TOKEN) else str(_token_file())


def _token_file() -> Path:
    return Path(os.environ.get(TOKEN_FILE) or Path.home() / ".ray" / "auth_token")


def _check_file(path: Path) -> None:
    """Take the rights to a file with a secret from all but its owner, and say so.

    Raises:
        SweepError: there is no such file, or its rights cannot be changed.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if not mode & 0o077:
            return
        path.chmod(mode & 0o700)
    except FileNotFoundError:
        raise SweepError(
            f"received {MODE}=token and no secret: neither {TOKEN} nor {path} is there; copy the "
            "cluster's there, or make one before the cluster starts: "
            "(umask 077; ray get-auth-token --generate)"
        ) from None
    except OSError as error:
        raise SweepError(
            f"other users may read the secret in {path} ({error.strerror}); expected a file that only you "
            f"can read: chmod 600 {path}, or give the secret in {TOKEN}"
        ) from None
    _logger.warning(
        "warning: other users could read the secret in %s (its mode was %04o); now only you can. Where "
        "others use this machine, make a new one and start the cluster again",
        path,
        mode,
    )
