"""Compiles the CPU's gram engine for this machine: `python -m bocnn.models.cnn.compile`.

The set-up of a cluster's node does so, so that its first shard trains as soon as the node is there. It is
the kind of runs that most shipped sweeps hold, trained side by side in float32 by plain steps; others are
compiled by their first shard. What is compiled already is loaded, in a second.
"""

from bocnn.engines.ship import small_run
from bocnn.models.cnn.model import Bocnn
from bocnn.simd.compiler.compiled import CACHE_FOLDER


def main() -> None:
    """Compile, and say where the machine code is kept."""
    seconds = Bocnn().compile(small_run(), recorded=False)
    print(f"the engine: compiled in {seconds:.1f} s, kept in {CACHE_FOLDER or 'no folder'}")


if __name__ == "__main__":
    main()
