"""Packages that an extra of the distribution brings: where one is missing, an error names the extra."""

from importlib.util import find_spec

from sweeps.errors import SweepError


def require(package: str, extra: str, *, otherwise: str = "") -> None:
    """Check that an optional package is installed, without importing it.

    Args:
        package: its name, as it is imported.
        extra: the extra of bocnn that brings it.
        otherwise: what to do without it, for the message.
    Raises:
        SweepError: it is not installed.
    """
    if find_spec(package) is None:
        alternative = f", or {otherwise}" if otherwise else ""
        raise SweepError(
            f"{package} is not installed: pip install 'bocnn[{extra}]'{alternative}; nothing was started"
        )
