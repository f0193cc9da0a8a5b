"""Roles of columns in an analysis: how a run can end, and which column plays which role.

A dataset's files say it in the metadata of their fields: `choices` of the column `status` lists how a run
can end, the first word being success and the last that there is no result; `role` is one of ROLES. Files
that say nothing were written before files did, by one model; its words are the ones below.
"""

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa

from analysis.dataset.shards import texts

ERROR = "error"
"""Role of a share of wrong labels: the smaller the better, 1/2 by chance."""
LAYER_ROLES = ("hidden_scale", "output_scale", "scale_ratio")
"""Roles of recorded columns: the scale of either layer, and their ratio."""
ROLES = (ERROR, *LAYER_ROLES)

_UNSTATED_STATUSES = ("ok", "unconverged", "diverged")
_UNSTATED_ROLES = dict(zip(("max_w_xi", "max_v2", "noise_ratio"), LAYER_ROLES, strict=True))


def statuses(schema: pa.Schema) -> tuple[str, ...]:
    """How a run can end, success first and the lack of any result last."""
    try:
        words = json.loads(_notes(schema, "status")["choices"])
    except (KeyError, ValueError):
        return _UNSTATED_STATUSES
    return tuple(map(str, words)) if isinstance(words, list) and words else _UNSTATED_STATUSES


def role_of(schema: pa.Schema, name: str) -> str:
    """The role of a column, "" for none.

    Args:
        schema: of the dataset.
        name: of the column.
    """
    if any("role" in _notes(schema, other) for other in schema.names):
        return _notes(schema, name).get("role", "")
    if "error" in name and not name.endswith(("_se", "_tol")):
        return ERROR
    return _UNSTATED_ROLES.get(name, "")


def columns_of(schema: pa.Schema, roles: Sequence[str]) -> list[str]:
    """The columns that play roles, in the order of the roles; a role that none plays is left out.

    Args:
        schema: of the dataset.
        roles: roles, such as error.
    Returns:
        Names of columns.
    """
    found = {role_of(schema, name): name for name in reversed(schema.names)}
    return [found[role] for role in roles if role in found]


def _notes(schema: pa.Schema, name: str) -> Mapping[str, str]:
    return texts(schema.field(name).metadata) if name in schema.names else {}
