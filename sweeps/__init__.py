"""A declared sweep becomes shards, shards become Ray Tune trials, trials become an Arrow dataset.

`Sweep` declares one in Python, `load` opens a file or a shipped one. A model is known only through the
small protocol in `sweeps.models.protocol`; what the rows mean and how they are drawn is left to `analysis`.
"""

from sweeps.sweep import Sweep, load

__all__ = ["Sweep", "load"]
