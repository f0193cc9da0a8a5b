"""A dataset as a folder that others can cite: its files, and what describes them."""

from sweeps.driver.export.export import export_dataset
from sweeps.driver.export.exported import Authorship

__all__ = ["Authorship", "export_dataset"]
