"""What the page keeps packed until it is looked at: images, values of cells, boundaries, long tables."""

import base64
import json
import re
import zlib
from typing import Any, NamedTuple

PACKED_LEVEL = 9
"""Of deflate: it takes some milliseconds a section."""
_SIZE = re.compile(r'<svg [^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"')


class Svg(NamedTuple):
    """An image, and its size in points."""

    text: str
    width: str
    height: str


def sized(svg: str) -> Svg:
    """An image with the size that it states."""
    found = _SIZE.search(svg)
    assert found is not None
    return Svg(svg, *found.groups())


def packed(value: Any) -> str:
    """Plain values as JSON, deflated, in base64; what they repeat within 32 kB takes no place twice."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    data = text.encode(errors="backslashreplace")
    return base64.b64encode(zlib.compress(data, PACKED_LEVEL)).decode()
