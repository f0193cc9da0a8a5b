"""The distribution: its packages, its extras, and a lock that covers them all."""

import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
UNPINNED = {"bocnn", "triton"}
"""Triton's version is named by torch's builds for CUDA."""


def project() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]


def declared(*extras: str) -> list[Requirement]:
    """The requirements of the distribution with some of its extras, those within extras resolved."""
    stated = project()
    own = stated["optional-dependencies"]
    found = [Requirement(line) for line in stated["dependencies"]]
    waiting = [Requirement(line) for extra in extras for line in own[extra]]
    while waiting:
        requirement = waiting.pop()
        if requirement.name == "bocnn":
            waiting += [Requirement(line) for extra in requirement.extras for line in own[extra]]
        else:
            found.append(requirement)
    return found


def closure(requirements: list[Requirement]) -> tuple[set[str], set[str]]:
    """Names of everything that requirements bring on this machine, and of what is not installed."""
    seen: set[tuple[str, str]] = set()
    missing: set[str] = set()
    waiting = [(requirement, "") for requirement in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        try:
            lines = distribution(name).requires or []
        except PackageNotFoundError:
            missing.add(name)
            continue
        for wanted in {"", *requirement.extras} - {e for n, e in seen if n == name}:
            seen.add((name, wanted))
            waiting += [(Requirement(line), wanted) for line in lines]
    return {name for name, _ in seen} - UNPINNED, missing


def pins() -> dict[str, str]:
    """The version of each package in the lock."""
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if line and line[0] != "#"]
    return {canonicalize_name(name): version for name, version in (x.split("==") for x in lines)}


@pytest.mark.parametrize("extra", [*project()["optional-dependencies"]])
def test_lock_holds_all_that_an_extra_brings(extra: str) -> None:
    brought, missing = closure(declared(extra))
    assert not (brought | missing) - UNPINNED - pins().keys()


def test_pins_satisfy_what_is_declared() -> None:
    for requirement in declared("dev"):
        if (name := canonicalize_name(requirement.name)) not in UNPINNED:
            assert pins()[name] in requirement.specifier, requirement


def test_analysis_and_the_cpu_need_neither_torch_nor_ray() -> None:
    brought, _ = closure(declared())
    assert not brought & {"torch", "triton", "ray", "scikit-learn"}


def test_every_folder_of_code_is_a_package_that_is_found() -> None:
    for package in ("bocnn", "sweeps", "analysis"):
        for path in (ROOT / package).rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), path.parent


def test_data_files_of_packages_are_declared() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        data = tomllib.load(file)["tool"]["setuptools"]["package-data"]
    shipped = {
        path
        for package, patterns in data.items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    there = {
        path
        for package in ("bocnn", "sweeps", "analysis")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc", ".nbi", ".nbc")
        if "__pycache__" not in path.parts
    }
    assert there == shipped
