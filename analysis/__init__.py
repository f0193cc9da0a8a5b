"""From a dataset of runs to boundaries, laws, figures and tables.

open_dataset → aggregate → find_boundary → fit_law, fit_kink, compare, paired_shift → figures.
Reads Arrow datasets and knows nothing of what trained them: bocnn and sweeps are never imported.
"""

from analysis.aggregate import Cells, aggregate
from analysis.bootstrap import Resampling
from analysis.boundary import Boundary, find_boundary
from analysis.errors import AnalysisError
from analysis.figures import (
    draw_boundary,
    draw_map,
    draw_shift,
    draw_trajectories,
    save,
)
from analysis.findings import Findings, analyse
from analysis.kink import Kink, fit_kink
from analysis.laws import Law, fit_law
from analysis.load import Dataset, open_dataset
from analysis.shift import Shift, paired_shift
from analysis.spec import Sweep, Theory, View
from analysis.theory import Comparison, compare
from analysis.trajectory import Trajectories, open_trajectories

__all__ = [
    "AnalysisError",
    "Boundary",
    "Cells",
    "Comparison",
    "Dataset",
    "Findings",
    "Kink",
    "Law",
    "Resampling",
    "Shift",
    "Sweep",
    "Theory",
    "Trajectories",
    "View",
    "aggregate",
    "analyse",
    "compare",
    "draw_boundary",
    "draw_map",
    "draw_shift",
    "draw_trajectories",
    "find_boundary",
    "fit_kink",
    "fit_law",
    "open_dataset",
    "open_trajectories",
    "paired_shift",
    "save",
]
