"""Which actors Ray Tune keeps.

Tune gives an actor that has become free to any trial that waits, also to one whose own actor is starting,
and ends that. Where shards end faster than an actor starts, a node that joins would start actors for ever
and never train.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

# isort: split
from ray.tune import tune  # after sweeps.train.executors.connection
from ray.tune.execution import tune_controller


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


class _Waiting(set[Any]):
    """Trials that wait for an actor; those whose own is starting are the last to be given another."""

    def __init__(self, is_starting: Callable[[Any], bool]) -> None:
        super().__init__()
        self._is_starting = is_starting

    def pop(self) -> Any:
        """A trial that is given an actor."""
        trial = next((each for each in self if not self._is_starting(each)), None)
        if trial is None:
            return super().pop()
        self.remove(trial)
        return trial


class _Controller(tune_controller.TuneController):
    """Lets actors start, as long as other trials can take those that become free.

    Trials whose actors start do not count as waiting, so that others are asked for.
    """

    def __init__(self, has_shards: Callable[[], bool], *arguments: Any, **options: Any) -> None:
        self._has_shards = has_shards
        super().__init__(*arguments, **options)
        waiting: defaultdict[Any, _Waiting] = defaultdict(partial(_Waiting, self._is_starting))
        self._resources_to_pending_trials = waiting

    @property
    def _max_pending_trials(self) -> int:
        """How many trials may wait."""
        return self._most_waiting + sum(map(self._is_starting, self._pending_trials))

    @_max_pending_trials.setter
    def _max_pending_trials(self, most: int) -> None:
        self._most_waiting = most

    def _is_starting(self, trial: Any) -> bool:
        """Whether a trial waits for an actor that has its resources, while there are shards for others."""
        actor = self._trial_to_actor.get(trial)
        granted = self._actor_manager._live_actors_to_ray_actors_resources
        return actor is not None and actor in granted and self._has_shards()

    def _maybe_reuse_cached_actor(self, trial: Any) -> bool:
        """Give a trial an actor that has become free, but for one whose own is starting."""
        if trial not in self._resetting_trials and self._is_starting(trial):
            return False
        return bool(super()._maybe_reuse_cached_actor(trial))

    def __getstate__(self) -> dict[str, Any]:
        """What Tune writes down, which nobody reads."""
        return {k: v for k, v in super().__getstate__().items() if k != "_has_shards"}


@contextmanager
def letting_actors_start(has_shards: Callable[[], bool]) -> Iterator[None]:
    """Have Tune let actors start.

    Args:
        has_shards: whether a shard waits that has no trial yet.
    """
    before = tune.TuneController
    tune.TuneController = partial(_Controller, has_shards)
    try:
        yield
    finally:
        tune.TuneController = before
