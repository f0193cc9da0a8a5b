"""The public names of the package, each loaded from its module when it is first used.

Reading `--help` or one dataset needs no figures, so they are not imported for it.
"""

from importlib import import_module
from typing import Any

MODULES: dict[str, tuple[str, ...]] = {
    "analysis.boundary.median_crossing": ("find_median_boundary",),
    "analysis.boundary.mean_crossing": ("Boundary", "find_boundary"),
    "analysis.cells.aggregate": ("aggregate",),
    "analysis.cells.cells": ("Cells", "transposed"),
    "analysis.cells.columns": ("along_x", "on_plane"),
    "analysis.dataset.files": ("Dataset", "open_dataset"),
    "analysis.errors": ("AnalysisError",),
    "analysis.figures": ("draw_boundary", "draw_map", "draw_shift", "draw_trajectories", "save"),
    "analysis.notebook.opened": ("open",),
    "analysis.report.results": ("Results", "analyse"),
    "analysis.scaling.broken_power_law": ("BrokenPowerLaw", "fit_broken_power_law"),
    "analysis.scaling.data_collapse": ("Collapse", "collapse"),
    "analysis.scaling.exponent_by_level": ("LevelExponent", "default_levels", "exponents"),
    "analysis.scaling.model_selection": ("Selection", "select_law"),
    "analysis.scaling.paired_shift": ("Shift", "boundary_shift"),
    "analysis.scaling.power_law": ("PowerLaw", "fit_power_law"),
    "analysis.scaling.prediction": ("Comparison", "compare"),
    "analysis.scaling.verdict": ("Verdict", "judge_exponent", "judge_line"),
    "analysis.statistics.bootstrap": ("Resampling",),
    "analysis.training.trajectories": ("Trajectories", "open_trajectories"),
    "sweeps.declare.analysis_spec": ("AnalysisSpec", "PredictionSpec"),
    "sweeps.declare.document.document": ("SweepDocument",),
}
MODULE_OF = {name: module for module, names in MODULES.items() for name in names}
PUBLIC_NAMES = sorted(MODULE_OF)


def load_name(name: str) -> Any:
    """A public name of the package.

    Raises:
        AttributeError: there is no such name.
    """
    if name not in MODULE_OF:
        raise AttributeError(f"module 'analysis' has no attribute '{name}'")
    return getattr(import_module(MODULE_OF[name]), name)
