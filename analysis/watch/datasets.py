"""What is served at one moment, kept for several datasets and made anew as they grow.

A dataset is looked at where a page has asked for it of late, and for at most a tenth of the time.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from math import inf

from analysis.watch.folder import GrowingFolder
from analysis.watch.page import View, render_page, render_regions
from analysis.watch.snapshot import Snapshot, take_snapshot

ASKED_S = 15.0
"""Seconds after which a page that asks no more is taken for closed."""
SHARE = 0.1
"""Of the time that looking takes, at most."""


class _Watched:
    """A dataset: its folder, its last state, and when it was asked for and looked at."""

    def __init__(self, location: str) -> None:
        self.folder = GrowingFolder(location)
        self.folder.relist()
        self.snapshot = Snapshot(self.folder.name)
        self.asked = self.looked = -inf
        self.cost_s = 0.0
        self.told_end = False
        self._stale = True

    @property
    def is_open(self) -> bool:
        """Whether a page shows it."""
        return time.monotonic() - self.asked < ASKED_S

    def relist(self) -> None:
        """List the folder, and remember whether it has changed since the last look."""
        self._stale |= self.folder.relist()

    def look(self, *, at_once: bool) -> None:
        """Look at what has changed, unless the last look was too short a while ago."""
        rested = time.monotonic() - self.looked > self.cost_s / SHARE
        if not self._stale or not (rested or at_once):
            return
        start = time.monotonic()
        self._stale, self.snapshot = False, take_snapshot(self.folder)
        self.looked = time.monotonic()
        self.cost_s = self.looked - start


class WatchedDatasets:
    """The present state of datasets, for one thread that looks and others that serve.

    Args:
        locations: folders or URIs.
    Raises:
        AnalysisError: pyarrow.fs opens no such URI.
    """

    def __init__(self, locations: Sequence[str]) -> None:
        self._watched = [_Watched(location) for location in locations]
        self._ended = False

    @property
    def is_open(self) -> bool:
        """Whether any page is open."""
        return any(one.is_open for one in self._watched)

    @property
    def is_read(self) -> bool:
        """Whether each page that is open was told that nothing will change any more."""
        return all(one.told_end or not one.is_open for one in self._watched)

    def look(self, *, at_once: bool = False) -> None:
        """Look at the datasets that pages show; of the others, which is the newest.

        Args:
            at_once: whether to look however long the last look took.
        """
        for one in self._watched:
            if one.is_open or len(self._watched) > 1:
                one.relist()
            if one.is_open:
                one.look(at_once=at_once)

    def end(self) -> None:
        """Tell pages that nothing will change any more."""
        self._ended = True

    def page(self, shown: int | None) -> str:
        """The page of a dataset, by its position; of the newest where None."""
        position = self._asked(shown)
        one = self._watched[position]
        names = [each.snapshot.name for each in self._watched]
        view = View(one.snapshot, one.folder.last_s, position)
        return render_page(names, shown, view)

    def state(self, shown: int | None, have: str) -> str:
        """The state as JSON; nothing where it is the one that the page has.

        Args:
            shown: position of the dataset; the newest where None.
            have: version that the page has.
        """
        one = self._watched[self._asked(shown)]
        ended, regions = self._ended, self._regions(one)
        version = self._version(regions)
        if version == have:
            return ""
        planned = one.snapshot.planned
        percent = f"{100 * one.snapshot.published // planned} % " if planned else ""
        one.told_end = ended
        state = {"version": version, "ended": ended, "percent": percent}
        return json.dumps(state | {"regions": regions})

    def picture(self, shown: int | None, number: int) -> str | None:
        """The SVG of a figure; None where there are not so many."""
        pictures = self._watched[self._asked(shown)].snapshot.pictures
        return pictures[number].svg if number < len(pictures) else None

    def knows(self, shown: int | None) -> bool:
        """Whether there is a dataset of this position."""
        return shown is None or 0 <= shown < len(self._watched)

    def _asked(self, shown: int | None) -> int:
        ages = [each.folder.last_s for each in self._watched]
        newest = min(range(len(ages)), key=lambda k: inf if (age := ages[k]) is None else age)
        position = newest if shown is None else shown
        self._watched[position].asked = time.monotonic()
        return position

    def _regions(self, one: _Watched) -> dict[str, str]:
        return render_regions(View(one.snapshot, one.folder.last_s, self._watched.index(one)))

    def _version(self, regions: dict[str, str]) -> str:
        text = json.dumps([regions, self._ended])
        return hashlib.sha256(text.encode()).hexdigest()[:16]
