"""Signal patches, by the words of the column `data`: their centres, on orthonormal signal directions.

| data | class +1 | class −1 |
|---|---|---|
| signal | μ | −μ |
| xor | u, −u | v, −v with v ⟂ u |

Source:
    Kou et al. 2023 (arXiv 2303.04145); Meng et al. 2023 (arXiv 2310.01975).
"""

from typing import Final, NamedTuple

import numpy as np

from bocnn.arrays import Array


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

    def basis(self, dimension: int, support: int = 1) -> Array:
        """Orthonormal signal directions, each with equal coordinates where no other has any.

        Args:
            dimension: of the vectors, at least `directions` times `support`.
            support: coordinates of each direction.
        Returns:
            Shape (directions, dimension), float64; axes where `support` is 1.
        """
        found = np.zeros((self.directions, dimension))
        for k, direction in enumerate(found):
            direction[k * support : (k + 1) * support] = 1 / np.sqrt(support)
        return found


SIGNALS: Final[dict[str, Signals]] = {
    "signal": Signals(((1, 0, 1), (-1, 0, -1)), gram_code=0),
    "xor": Signals(((1, 0, 1), (1, 0, -1), (-1, 1, 1), (-1, 1, -1)), gram_code=1),
}
