"""Looks at datasets and serves what there is to see, until it is told to end."""

import threading
import time
from collections.abc import Callable, Sequence

from analysis.errors import AnalysisError
from analysis.watch.board import Board
from analysis.watch.folder import Folder
from analysis.watch.server import PageServer

LOOK_S = 1.0
"""Seconds between two listings of the folders."""
LAST_S = 6.0
"""Seconds that pages have to fetch the last state, at most."""
PAGES_S = 2.5
"""Seconds in which every page asks once."""


def check_folders(locations: Sequence[str]) -> None:
    """Refuse locations that are no folder of a dataset.

    Args:
        locations: folders or URIs.
    Raises:
        AnalysisError: there is no such folder, or neither a sweep nor rows in it.
    """
    for location in locations:
        folder = Folder(location)
        folder.relist()
        if not folder.has_sweep:
            raise AnalysisError(
                f"Nothing to watch at '{location}': expected a folder into which a sweep is trained. Check "
                "the path, or begin the sweep first: bocnn run."
            )


def watch(
    locations: Sequence[str], port: int, *, show: Callable[[str], None], ended: threading.Event
) -> None:
    """Serve the page of datasets until an event, or an interrupt.

    Args:
        locations: folders or URIs.
        port: on loopback; 0 takes any that is free.
        show: given the address when the page is there.
        ended: that nothing comes any more.
    Raises:
        AnalysisError: as `PageServer` and `Board`.
    """
    board = Board(locations)
    with PageServer(board, port) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            show(server.url)
            while not ended.wait(LOOK_S):
                board.look()
            _tell_last(board)
        finally:
            server.shutdown()


def _tell_last(board: Board) -> None:
    """Let pages that are open have the last state."""
    board.look(at_once=True)
    board.end()
    until = time.monotonic() + LAST_S
    while not board.is_read and time.monotonic() < until:
        time.sleep(LOOK_S / 4)
    if board.is_open:
        time.sleep(PAGES_S)  # another page may show the same dataset
