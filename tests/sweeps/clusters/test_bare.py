"""Set-up on a machine that has nothing, by clusters/Dockerfile and as a host of one's own."""

import json
from pathlib import Path

import pytest

from benchmarks.bare import DOCKERFILE, RECIPES, follow, instructions, lacking, scratch


def test_lines_of_a_dockerfile_that_go_on_are_one_instruction() -> None:
    text = "# words\nFROM base\nRUN one \\\n    && two\nENV A=b\n"
    assert list(instructions(text)) == [("FROM", "base"), ("RUN", "one && two"), ("ENV", "A=b")]


def test_the_image_has_nothing_that_was_not_followed() -> None:
    words = [word for word, _ in instructions(DOCKERFILE.read_text())]
    assert words == ["FROM", "RUN", "WORKDIR", "COPY", "RUN", "ENV"]


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.launch
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_sweep_trains_where_nothing_was_installed(recipe: str) -> None:
    if reason := lacking():
        pytest.skip(reason)
    with scratch() as root:
        for step in follow(recipe, Path(root)):
            assert step.status == 0, f"{step.command}\n{step.said}"
            print(f"{step.wall_s:.0f} s  {step.processor_s:.0f} s  {step.command}")
        found = json.loads(step.said)
    assert found["planned"] == found["published"] == 128
