"""From a dataset of runs to boundaries, laws, figures and tables.

In a notebook: `analysis.open(dataset).cells().boundary(level=0.2).law().figure()`. In programs:
open_dataset → aggregate → find_boundary → fit_power_law, fit_broken_power_law, compare, boundary_shift →
figures. Names are loaded when they are first used. Reads Arrow datasets and knows nothing of what trained
them: neither bocnn nor a model is ever imported.
"""

from typing import TYPE_CHECKING

from analysis import names as _names

if TYPE_CHECKING:
    from analysis.boundary.mean_crossing import Boundary as Boundary
    from analysis.boundary.mean_crossing import find_boundary as find_boundary
    from analysis.boundary.median_crossing import find_median_boundary as find_median_boundary
    from analysis.cells.aggregate import aggregate as aggregate
    from analysis.cells.cells import Cells as Cells
    from analysis.cells.cells import transposed as transposed
    from analysis.cells.columns import along_x as along_x
    from analysis.cells.columns import on_plane as on_plane
    from analysis.dataset.files import Dataset as Dataset
    from analysis.dataset.files import open_dataset as open_dataset
    from analysis.errors import AnalysisError as AnalysisError
    from analysis.figures import draw_boundary as draw_boundary
    from analysis.figures import draw_map as draw_map
    from analysis.figures import draw_shift as draw_shift
    from analysis.figures import draw_trajectories as draw_trajectories
    from analysis.figures import save as save
    from analysis.notebook.opened import open as open
    from analysis.report.results import Results as Results
    from analysis.report.results import analyse as analyse
    from analysis.scaling.broken_power_law import BrokenPowerLaw as BrokenPowerLaw
    from analysis.scaling.broken_power_law import fit_broken_power_law as fit_broken_power_law
    from analysis.scaling.data_collapse import Collapse as Collapse
    from analysis.scaling.data_collapse import collapse as collapse
    from analysis.scaling.exponent_by_level import LevelExponent as LevelExponent
    from analysis.scaling.exponent_by_level import default_levels as default_levels
    from analysis.scaling.exponent_by_level import exponents as exponents
    from analysis.scaling.model_selection import Selection as Selection
    from analysis.scaling.model_selection import select_law as select_law
    from analysis.scaling.paired_shift import Shift as Shift
    from analysis.scaling.paired_shift import boundary_shift as boundary_shift
    from analysis.scaling.power_law import PowerLaw as PowerLaw
    from analysis.scaling.power_law import fit_power_law as fit_power_law
    from analysis.scaling.prediction import Comparison as Comparison
    from analysis.scaling.prediction import compare as compare
    from analysis.scaling.verdict import Verdict as Verdict
    from analysis.scaling.verdict import judge_exponent as judge_exponent
    from analysis.scaling.verdict import judge_line as judge_line
    from analysis.statistics.bootstrap import Resampling as Resampling
    from analysis.training.trajectories import Trajectories as Trajectories
    from analysis.training.trajectories import open_trajectories as open_trajectories
    from sweeps.declare.analysis_spec import AnalysisSpec as AnalysisSpec
    from sweeps.declare.analysis_spec import PredictionSpec as PredictionSpec
    from sweeps.declare.document.document import SweepDocument as SweepDocument

__all__ = _names.PUBLIC_NAMES
__getattr__ = _names.load_name
