"""The digest of a resolved sweep, written in the document itself: a value changed later is noticed.

It covers every other key, whatever the order of keys and the spacing of the file. A document without a
digest is taken as it is: releases before this one wrote none.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

DIGEST_KEY = "digest"


def states_digest(document: Mapping[str, Any]) -> bool:
    """Whether a change of the document would be noticed."""
    return DIGEST_KEY in document


def with_digest(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document and its digest."""
    return {**document, DIGEST_KEY: _digest(document)}


def is_altered(document: Mapping[str, Any]) -> bool:
    """Whether a document states a digest and is not the one that was written with it."""
    return states_digest(document) and document[DIGEST_KEY] != _digest(document)


def _digest(document: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in document.items() if key != DIGEST_KEY}
    return blake2b(json.dumps(rest, sort_keys=True).encode(), digest_size=16).hexdigest()
