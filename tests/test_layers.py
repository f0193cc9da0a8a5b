"""Packages and their folders import only those before them; training and analysis share files alone."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("bocnn", "sweeps", "analysis")
READERS = {"io", "os", "pathlib", "gzip", "sklearn"}
"""Modules that read files: the numerics know arrays only."""
FORBIDDEN = {
    "bocnn": {"ray", "pyarrow", "sweeps", "analysis", "pandas", "matplotlib", "seaborn", "yaml"},
    "sweeps": {"bocnn", "analysis", "matplotlib", "seaborn", "torch", "numba"},
    "analysis": {"bocnn", "sweeps", "ray", "torch", "numba"},
}


SHARED = "sweeps.declare"
"""Shared by analysis and sweeps: the contract of a sweep file, formulas, printing."""


ORDER = {
    "bocnn": (
        *(
            "arrays",
            "simd",
            "rng",
            "registry",
            "dynamics",
            "data",
            "measure",
            "parameters",
        ),
        *("engines", "theory", "models", "notebook", "__init__", "__main__"),
    ),
    "sweeps": (
        *(
            "errors",
            "models",
            "declare",
            "provenance",
            "store",
            "plan",
            "sampling",
        ),
        *("train", "driver", "sweep", "cli", "__init__"),
    ),
    "analysis": (
        *("names", "errors", "dataset", "statistics", "cells", "boundary", "scaling", "training"),
        *("notebook", "figures", "report", "watch", "cli", "__init__", "__main__"),
    ),
}
"""Files and folders of each package: each imports only what comes before it."""


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, anywhere in it, less what the packages share."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            module = node.module or ""
            if module != SHARED and not module.startswith(f"{SHARED}."):
                found.add(module.split(".")[0])
    return found


def loaded(statement: str, packages: set[str]) -> set[str]:
    """Which packages a fresh Python has loaded after a statement."""
    code = f"{statement}; import sys; print(*({packages!r} & sys.modules.keys()))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(result.stdout.split())


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_imports_what_its_package_must_not(package: str) -> None:
    wrong = {path.name: imported(path) & FORBIDDEN[package] for path in sources(package)}
    assert len(wrong) > 5
    assert not {name: packages for name, packages in wrong.items() if packages}


def parts_of(path: Path, package: str) -> tuple[str, set[str]]:
    """The part of a package that a file is in, and the other parts that it imports."""
    parts = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == package:
            names = {alias.name for alias in node.names}
            parts |= {name if name in ORDER[package] else "__init__" for name in names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
            parts.add(str(node.module).split(".")[1])
    own = path.relative_to(ROOT / package).parts[0].removesuffix(".py")
    return own, parts - {own}


@pytest.mark.parametrize("package", PACKAGES)
def test_each_part_of_a_package_imports_only_those_before_it(package: str) -> None:
    order = ORDER[package]
    found = {path: parts_of(path, package) for path in sources(package)}
    assert {own for own, _ in found.values()} == set(order)
    wrong = {
        str(path): {part for part in parts if order.index(part) >= order.index(own)}
        for path, (own, parts) in found.items()
    }
    assert not {path: parts for path, parts in wrong.items() if parts}


def test_what_an_engine_computes_knows_nothing_of_the_protocol() -> None:
    """Only `engine.py` of a folder, which satisfies the protocol, and the files beside the folders do."""
    engines = ROOT / "bocnn" / "engines"
    folders = {path.name for path in engines.iterdir() if (path / "engine.py").exists()}
    assert folders == {"coordinates", "cpu", "dense", "gpu"}
    for path in (path for name in folders for path in (engines / name).rglob("*.py")):
        parts = re.findall(r"^from bocnn\.engines\.([\w.]+) import", path.read_text(), re.M)
        shared = {part for part in parts if part.split(".")[0] not in folders}
        assert path.name == "engine.py" or not shared, path
        assert "registry" not in shared, path


def test_the_models_read_no_files() -> None:
    paths = [
        path for part in ("models", "theory") for path in (ROOT / "bocnn" / part).rglob("*.py")
    ]
    assert len(paths) > 10
    assert not {path.name for path in paths if imported(path) & READERS}


def test_five_files_know_ray() -> None:
    knowing = {path for package in PACKAGES for path in sources(package) if "ray" in imported(path)}
    executors = ROOT / "sweeps" / "train" / "executors"
    names = ("cluster.py", "connection.py", "controller.py", "trials.py", "tune.py")
    assert knowing == {executors / name for name in names}


@pytest.mark.parametrize(
    ("statement", "packages"),
    [
        (
            "import sweeps.cli",
            {"ray", "torch", "numba", "bocnn", "analysis", "scipy.special", "scipy.linalg"},
        ),
        ("import sweeps.train.executors.local", {"ray", "torch", "bocnn"}),
        ("import bocnn", {"ray", "torch", "numba", "scipy", "pyarrow", "sweeps", "analysis"}),
        (
            "import analysis.cli",
            {"ray", "torch", "numba", "bocnn", "sweeps.models", "sweeps.declare.file.sweep_file"},
        ),
    ],
)
def test_importing_loads_no_more_than_is_needed(statement: str, packages: set[str]) -> None:
    assert loaded(statement, packages) == set()
