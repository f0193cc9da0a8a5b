"""From a dataset to figures, step by step, for scripts and notebooks.

    bocnn run label-flip-plane
    python docs/example.py data/label-flip-plane example

Each `# %%` begins a cell where an editor or Jupyter (with jupytext) reads this file as a notebook.
Every step returns a small record with named fields; nothing is written before the last step.
"""

# %% The runs, and what their sweep says should be looked at.
import sys
from pathlib import Path

from analysis import (
    aggregate,
    boundary_shift,
    draw_boundary,
    draw_map,
    draw_trajectories,
    find_boundary,
    fit_power_law,
    open_dataset,
    open_trajectories,
    save,
)

location, folder = sys.argv[1], Path(sys.argv[2])
dataset = open_dataset(location)
view = dataset.sweep.analysis
assert view is not None, "the sweep states no plane; make one: AnalysisSpec(x='d', y='mu_norm', …)"
print(f"{dataset.sweep.name}: {dataset.table.num_rows:,} runs over {view.x} and {view.y}")

# %% Means by cell and setting. A run that failed is counted, and enters no mean.
cells = aggregate(dataset, view)
for s, setting in enumerate(cells.plane.settings):
    print(
        f"{setting or 'all runs'}: {cells.used[s].sum():,} runs, largest mean {cells.mean[s].max():.3f}"
    )

# %% Where the mean crosses a level, with intervals from resampled replicates.
boundary = find_boundary(cells, view.levels[0])
x, y = cells.plane.x, cells.plane.y
for i, at in enumerate(x.values):
    low, value, high = (
        y.value(part[0, i]) for part in (boundary.low, boundary.estimate, boundary.high)
    )
    print(
        f"{x.name} = {at:g}: {y.name} = {value:.3g} [{low:.3g}, {high:.3g}], {boundary.state(0, i)}"
    )

# %% The law of that boundary in each setting, and how far settings move it.
settings = range(len(cells.plane.settings))
laws = [fit_power_law(boundary, s) for s in settings]
for law in laws:
    if law.slope is None:
        print(f"no law: {law.reason}")
    else:
        print(f"exponent {law.slope.value:.3f} [{law.slope.low:.3f}, {law.slope.high:.3f}]")
for shift in (boundary_shift(boundary, s) for s in settings[1:]):
    if shift.mean is not None:
        print(f"shift {shift.mean.value:.3f} [{shift.mean.low:.3f}, {shift.mean.high:.3f}]")

# %% Figures. In a notebook a figure that ends a cell is shown; `save` writes PNG and SVG.
figures = {
    "map": draw_map(cells, boundary),
    "two-colours": draw_map(cells, boundary, two_colours=True),
    "boundary": draw_boundary(boundary, laws),
}

# %% Along the training, where the sweep file requests a trajectory.
trajectories = open_trajectories(location, dataset.sweep)
if trajectories is not None:
    figures["trajectories"] = draw_trajectories(trajectories)

# %% Files.
folder.mkdir(parents=True, exist_ok=True)
for name, figure in figures.items():
    for path in save(figure, folder / name):
        print(path)
