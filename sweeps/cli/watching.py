"""The page that shows datasets while they are trained: the command `bocnn watch`, in a process of its own.

It ends with its standard input, and so with this process, however that ends.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sweeps.cli.messages import err, out

END_S = 15.0
"""Seconds that it has to show the last state and to end."""


@contextmanager
def watched(locations: Sequence[str], port: int) -> Iterator[None]:
    """Serve the page of datasets, opened in a browser, while the body trains; without it training goes on.

    Args:
        locations: folders or URIs of the datasets.
        port: on loopback; 0 takes any that is free.
    """
    command = [sys.executable, "-m", "bocnn", "watch", *locations, "--port", str(port)]
    # In a session of its own: Ctrl-C is for the training, whose end it shows.
    process = subprocess.Popen(
        [*command, "--open", "--until-eof"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None
    with process:
        if url := process.stdout.readline().strip():
            out.print(f"{url} shows the runs as they come", soft_wrap=True)
        else:
            err.print("there is no page to see: training goes on without", style="yellow")
        try:
            yield
        finally:
            process.stdin.close()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
