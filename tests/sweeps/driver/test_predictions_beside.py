"""Predictions that are computed while the process forks, as it does to start Ray."""

import subprocess
import sys

PROGRAM = """\
import os, time
from types import SimpleNamespace
import numpy as np
from sweeps.driver import steps

ends = time.monotonic() + 2.0
done = []

def products(*_):
    import scipy.linalg
    wide, square = np.ones((100, 12000), np.float32), np.eye(600)
    while time.monotonic() < ends:
        np.ones(100, np.float32) @ wide
        scipy.linalg.cho_factor(square)
        done.append(None)

steps.publish_predictions = products
job = SimpleNamespace(plan=SimpleNamespace(resolved=None), writer=None)
with steps.predictions_beside(job, None):
    while time.monotonic() < ends:
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        time.sleep(0.002)
assert done
print("ended")
"""


def test_a_fork_meanwhile_does_not_stop_their_products() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.stdout == "ended\n", ran.stderr
