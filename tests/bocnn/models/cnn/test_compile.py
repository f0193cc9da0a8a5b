"""What a node's set-up compiles is what the shipped planes need."""

import subprocess
import sys
from pathlib import Path

import pytest

from bocnn.engines.ship import small_run
from bocnn.models.cnn import compile as compiling
from bocnn.models.cnn.model import Bocnn

CHILD = """
import sys
from bocnn.models.cnn.model import Bocnn
from bocnn.engines.ship import small_run
words = dict(word.split("=") for word in sys.argv[1:])
values = {name: type(small_run()[name][0])(value) for name, value in words.items()}
print(Bocnn().is_compiled(small_run(**values), False))
"""
"""A process that has trained nothing yet says whether runs would compile anything."""


def test_it_compiles_and_says_where_the_code_is(capsys: pytest.CaptureFixture[str]) -> None:
    compiling.main()
    said = capsys.readouterr().out
    assert "the engine: compiled in" in said
    assert Path(said.split("kept in ")[1].strip()).is_dir()
    assert Bocnn().is_compiled(small_run(), recorded=False)


def test_runs_of_the_shipped_planes_compile_nothing_more() -> None:
    compiling.main()
    sizes = ("n=20", "d=2000", "m=10", "p_flip=0.1", "steps=200", "n_test=1000")
    words = [sys.executable, "-c", CHILD, *sizes]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
