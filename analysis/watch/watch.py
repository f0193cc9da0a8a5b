"""Looks at datasets and serves what there is to see, until it is told to end."""

import threading
import time
from collections.abc import Callable, Sequence

from analysis.errors import AnalysisError
from analysis.watch.datasets import WatchedDatasets
from analysis.watch.folder import GrowingFolder
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
        folder = GrowingFolder(location)
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
        AnalysisError: as `PageServer` and `WatchedDatasets`.
    """
    datasets = WatchedDatasets(locations)
    with PageServer(datasets, port) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            show(server.url)
            while not ended.wait(LOOK_S):
                datasets.look()
            _tell_last(datasets)
        finally:
            server.shutdown()


def _tell_last(datasets: WatchedDatasets) -> None:
    """Let pages that are open have the last state."""
    datasets.look(at_once=True)
    datasets.end()
    until = time.monotonic() + LAST_S
    while not datasets.is_read and time.monotonic() < until:
        time.sleep(LOOK_S / 4)
    if datasets.is_open:
        time.sleep(PAGES_S)  # another page may show the same dataset
