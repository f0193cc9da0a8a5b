"""What tests of figures share: few draws, a predicted law, and the words of a legend."""

from matplotlib.figure import Figure

from analysis.statistics.bootstrap import Resampling
from sweeps.declare.analysis_spec import PredictionSpec

QUARTER = PredictionSpec("a quarter", 0.25, (100.0, 2000.0), "planted")
FEW = Resampling(draws=100)


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]
