"""The theme is seaborn's, of which it keeps a copy."""

import matplotlib as mpl
import seaborn as sns
from matplotlib.colors import to_rgb

from analysis.figures.canvas import style


def test_the_theme_is_that_of_seaborn() -> None:
    with mpl.rc_context():
        mpl.rcdefaults()
        defaults = dict(mpl.rcParams)
    whole = {**sns.axes_style("ticks"), **sns.plotting_context("paper")}
    own = {"text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"}
    others = own | {"axes.facecolor", "legend.frameon", "image.cmap"}
    for name, value in whole.items():
        if name not in others:
            assert style.THEME.get(name, defaults[name]) == value, name


def test_colours_are_those_of_seaborn() -> None:
    for count in (1, 3, 10, 12):
        assert style.colours(count) == [to_rgb(c) for c in sns.color_palette("colorblind", count)]
