"""Where workers import from."""

import os
import sys
from pathlib import Path

import pytest
from ray.job_config import JobConfig

from sweeps.train.executors.import_folders import as_here


@pytest.mark.parametrize("known", [True, False])
def test_the_working_directory_is_a_workers_folder_where_it_is_the_drivers(
    known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["/scripts", *([""] if known else [])])
    config = as_here(JobConfig())
    config._py_driver_sys_path.extend(["/scripts", os.getcwd()])  # as Ray does
    given = list(config._get_proto_job_config().py_driver_sys_path)
    assert given == ["/scripts", *([str(tmp_path)] if known else [])]
