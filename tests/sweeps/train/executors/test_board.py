"""The board: shards go out job by job, those that failed again behind those of their job."""

import pickle
import threading

from sweeps.plan.shard import Shard
from sweeps.train.executors.board import Board, ShardOfJob

SHARDS = [Shard(0, 3), Shard(3, 5), Shard(5, 6)]


def filled(*, more_will_come: bool = False) -> Board:
    board = Board(2, len, more_will_come=more_will_come)
    board.add(1, SHARDS[:1])
    board.add(0, SHARDS)
    return board


def taken(board: Board) -> list[tuple[int, int]]:
    """Jobs and numbers of all shards that there are."""
    found = []
    while (shard := board.take()) is not None:
        found.append((shard.job, shard.shard))
    return found


def test_shards_of_earlier_jobs_go_first() -> None:
    assert taken(filled()) == [(0, 0), (0, 1), (0, 2), (1, 0)]


def test_a_shard_comes_again_behind_its_job_and_before_the_next() -> None:
    board = filled()
    first = board.take()
    assert first is not None
    board.again(first)
    assert taken(board) == [(0, 1), (0, 2), (0, 0), (1, 0)]


def test_a_trial_is_told_what_finds_its_shard() -> None:
    board = filled()
    shard = board.take()
    assert shard is not None
    told = shard.config()
    assert told == {"job": 0, "batch": 1, "shard": 0, "gpu": False, "shards": 3}
    again = board.shard_of(told)
    assert again == shard and again.batch.shards == SHARDS


def test_it_is_waited_for_shards_only_while_some_may_come() -> None:
    assert Board(1, len).take(wait_s=60) is None
    board = Board(1, len, more_will_come=True)
    assert board.take(wait_s=0.01) is None and board.has_more
    threading.Timer(0.05, board.add, (0, SHARDS[:1])).start()
    assert isinstance(board.take(wait_s=60), ShardOfJob)
    threading.Timer(0.05, board.close).start()
    assert board.take(wait_s=60) is None and not board.has_more


def test_a_copy_is_empty() -> None:
    copied = pickle.loads(pickle.dumps(filled(more_will_come=True)))
    assert not copied.has_more and copied.take() is None
