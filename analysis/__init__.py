"""From a dataset of runs to boundaries, laws, figures and tables.

open_dataset → aggregate → find_boundary → fit_law, fit_kink, compare, boundary_shift → figures;
Reads Arrow datasets and knows nothing of what trained them: bocnn and sweeps are never imported.
"""

from analysis.boundary.half_benign import find_benign_boundary
from analysis.boundary.mean_crossing import Boundary, find_boundary
from analysis.cells.aggregate import aggregate
from analysis.cells.cells import Cells, transposed
from analysis.cells.columns import along_x, on_plane
from analysis.dataset.files import Dataset, open_dataset
from analysis.errors import AnalysisError
from analysis.figures import (
    draw_boundary,
    draw_map,
    draw_shift,
    draw_trajectories,
    save,
)
from analysis.report.findings import Findings, analyse
from analysis.report.verdict import Verdict, judge_exponent, judge_line
from analysis.scaling.broken_power_law import BrokenPowerLaw, fit_broken_power_law
from analysis.scaling.data_collapse import Collapse, collapse
from analysis.scaling.exponent_by_level import LevelExponent, default_levels, exponents
from analysis.scaling.model_selection import Selection, select_law
from analysis.scaling.paired_shift import Shift, boundary_shift
from analysis.scaling.power_law import PowerLaw, fit_power_law
from analysis.scaling.prediction import Comparison, compare
from analysis.statistics.bootstrap import Resampling
from analysis.training.trajectories import Trajectories, open_trajectories
from sweeps.declare.analysis_spec import AnalysisSpec, PredictionSpec
from sweeps.declare.document import SweepDocument

__all__ = [
    "AnalysisError",
    "AnalysisSpec",
    "Boundary",
    "BrokenPowerLaw",
    "Cells",
    "Collapse",
    "Comparison",
    "Dataset",
    "Findings",
    "LevelExponent",
    "PowerLaw",
    "PredictionSpec",
    "Resampling",
    "Selection",
    "Shift",
    "SweepDocument",
    "Trajectories",
    "Verdict",
    "aggregate",
    "along_x",
    "analyse",
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
    "fit_broken_power_law",
    "fit_power_law",
    "judge_exponent",
    "judge_line",
    "on_plane",
    "open_dataset",
    "open_trajectories",
    "save",
    "select_law",
    "transposed",
]
