"""From a dataset of runs to boundaries, laws, figures and tables.

open_dataset → aggregate → find_boundary → fit_law, fit_kink, compare, boundary_shift → figures;
open_source → summarise, batch_cells for datasets that do not fit in memory.
Reads Arrow datasets and knows nothing of what trained them: bocnn and sweeps are never imported.
"""

from analysis.aggregate import Cells, aggregate, transposed
from analysis.benign import find_benign_boundary
from analysis.bootstrap import Resampling
from analysis.boundary import Boundary, find_boundary
from analysis.collapse import Collapse, collapse
from analysis.columns import along_x, on_plane
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
from analysis.levels import LevelExponent, default_levels, exponents
from analysis.load import Dataset, open_dataset
from analysis.query import Source, open_source
from analysis.selection import Selection, select_law
from analysis.shift import Shift, boundary_shift
from analysis.spec import Sweep, Theory, View
from analysis.summary import Summary, batch_cells, summarise
from analysis.theory import Comparison, compare
from analysis.trajectory import Trajectories, open_trajectories
from analysis.verdict import Verdict, judge_exponent, judge_line

__all__ = [
    "AnalysisError",
    "Boundary",
    "Cells",
    "Collapse",
    "Comparison",
    "Dataset",
    "Findings",
    "Kink",
    "Law",
    "LevelExponent",
    "Resampling",
    "Selection",
    "Shift",
    "Source",
    "Summary",
    "Sweep",
    "Theory",
    "Trajectories",
    "Verdict",
    "View",
    "aggregate",
    "along_x",
    "analyse",
    "batch_cells",
    "boundary_shift",
    "collapse",
    "compare",
    "default_levels",
    "draw_boundary",
    "draw_map",
    "draw_shift",
    "draw_trajectories",
    "exponents",
    "find_benign_boundary",
    "find_boundary",
    "fit_kink",
    "fit_law",
    "judge_exponent",
    "judge_line",
    "on_plane",
    "open_dataset",
    "open_source",
    "open_trajectories",
    "save",
    "select_law",
    "summarise",
    "transposed",
]
