"""Object stores: calls that are made again where the store fails for a moment, and what its errors mean."""

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

Answer = TypeVar("Answer")

_WAITS_S = (1.0, 5.0, 15.0)
"""Pauses between calls that failed, on top of its library's own tries, which take about 15 s."""

_REFUSED = re.compile(
    r"ACCESS_DENIED|INVALID_ACCESS_KEY|INVALID_CLIENT_TOKEN|SIGNATURE|UNRECOGNIZED_CLIENT|credential"
    r"|HTTP status 40[13]|code: 40[13]|Forbidden|Unauthenticated",
    re.IGNORECASE,
)
_NO_SUCH_BUCKET = re.compile(r"NO_SUCH_BUCKET|bucket.*(not exist|not found)", re.IGNORECASE)


def with_retries(call: Callable[[], Answer], remote: bool) -> Answer:
    """Make a call; on an object store again, after pauses, where its error was not permanent.

    Args:
        call: any call that may be made twice.
        remote: whether it goes to an object store.
    Returns:
        What the call returns.
    Raises:
        OSError: the call's last error.
    """
    for wait in _WAITS_S if remote else ():
        try:
            return call()
        except FileNotFoundError:
            raise
        except OSError as error:
            if is_permanent(str(error)):
                raise
        time.sleep(wait)
    return call()


def is_permanent(error: str) -> bool:
    """Whether an error would come again: no rights, or no such bucket."""
    return bool(_REFUSED.search(error) or _NO_SUCH_BUCKET.search(error))


def remedy(error: str, environment: Mapping[str, str] = os.environ) -> str:
    """The remedy for an object store's error.

    Args:
        error: text of the store's error.
        environment: variables in which credentials are looked for.
    Returns:
        The end of a message, "" where nothing is known of the error.
    """
    if _NO_SUCH_BUCKET.search(error):
        return "; make the bucket first, or correct its name"
    if not _REFUSED.search(error):
        return ""
    needed = "the rights to list, read, write and delete objects in this bucket"
    if _has_credentials(environment):
        return f"; the credentials that were found are refused: expected {needed}"
    return (
        "; no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE "
        f"with ~/.aws/credentials, or give every node a role, with {needed}"
    )


def _has_credentials(environment: Mapping[str, str]) -> bool:
    """Whether credentials may come from the environment or a file; a role of the node is not looked for."""
    named = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "GOOGLE_APPLICATION_CREDENTIALS")
    profile = environment.get("AWS_SHARED_CREDENTIALS_FILE", str(Path.home() / ".aws/credentials"))
    return any(environment.get(name) for name in named) or Path(profile).exists()
