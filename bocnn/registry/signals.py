"""Signal patches, by the words of the column `data`: their centres, on orthonormal signal directions.

| data | class +1 | class −1 |
|---|---|---|
| signal | μ | −μ |
| xor | u, −u | v, −v with v ⟂ u |

Source:
    Kou et al. 2023 (arXiv 2303.04145); Meng et al. 2023 (arXiv 2310.01975).
"""

from typing import Final, NamedTuple


class Signals(NamedTuple):
    """Signal patches of norm ‖μ‖.

    centres: of each, its class, its signal direction and its sign there; class +1 first, as many of either
    class. gram_code: how compiled code knows them (`bocnn.data.model`); None where it does not.
    """

    centres: tuple[tuple[int, int, int], ...]
    gram_code: int | None = None

    @property
    def directions(self) -> int:
        """Signal directions."""
        return 1 + max(direction for _, direction, _ in self.centres)


SIGNALS: Final[dict[str, Signals]] = {
    "signal": Signals(((1, 0, 1), (-1, 0, -1)), gram_code=0),
    "xor": Signals(((1, 0, 1), (1, 0, -1), (-1, 1, 1), (-1, 1, -1)), gram_code=1),
}
