"""Which actors Ray Tune keeps."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# isort: split
from ray.tune.execution import tune_controller  # after sweeps.train.executors.connection


class _KeptActors(tune_controller._ObjectCache):
    """Actors without a shard stay until the end: another round may come, and an actor takes seconds."""

    def cache_object(self, key: Any, obj: Any) -> bool:
        """Keep an actor."""
        self._cached_objects[key].append(obj)
        self._num_cached_objects += 1
        return True

    def flush_cached_objects(self, force_all: bool = False) -> Iterator[Any]:
        """The actors to end now."""
        if force_all:
            yield from super().flush_cached_objects(force_all=True)


@contextmanager
def keeping_actors() -> Iterator[None]:
    """Have Tune keep actors that have no shard."""
    before = tune_controller._ObjectCache
    tune_controller._ObjectCache = _KeptActors
    try:
        yield
    finally:
        tune_controller._ObjectCache = before
