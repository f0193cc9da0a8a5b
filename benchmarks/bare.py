"""Set-up on a machine that has nothing: a bare Debian in a folder of its own; prints what each step took.

    python -m benchmarks.bare

Debian's debootstrap makes a root for each recipe, in which its steps run as root, apart from all files of
this machine:

| recipe | steps |
|---|---|
| Dockerfile | those of clusters/Dockerfile, on Debian instead of its base image |
| host | git, make and Python; a clone of the last commit; `make setup-cluster` |

Each ends with a shipped sweep of size smoke under Ray. What pip is configured with here (`pip config
list`), it is configured with there: folders that it names are visible there, and files are copied.
"""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.hosts import ROOT, copy_clone

DOCKERFILE = ROOT / "clusters" / "Dockerfile"
RECIPES = ("Dockerfile", "host")
SWEEP = "bocnn run label-flip-plane --size smoke --out /root/rows"

_HOST = (
    "apt-get update -qq && apt-get install -qq -y --no-install-recommends ca-certificates git make "
    "python3 python3-venv",
    "git clone -q /root/bocnn.bundle /root/bocnn",
    "make setup-cluster",
)
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INSIDE = """
set -e
mount --make-rprivate /
mount -t proc proc {root}/proc
mount --rbind /dev {root}/dev
mount -t tmpfs tmpfs {root}/dev/shm
mount -t tmpfs tmpfs {root}/run
cp -L /etc/resolv.conf {root}/etc/resolv.conf
{binds}
exec chroot {root} bash -c "$COMMAND"
"""


class Step(NamedTuple):
    """A command, its exit status, seconds, processor time, and what it said."""

    command: str
    status: int
    wall_s: float
    processor_s: float
    said: str


class PipConfiguration(NamedTuple):
    """pip's configuration as variables, and folders and files that it names."""

    variables: dict[str, str]
    folders: list[Path]
    files: dict[Path, Path]


class Image:
    """A root file system; commands run in it with its working folder and its variables."""

    def __init__(self, root: Path, pip: PipConfiguration) -> None:
        self.root, self.pip = root, pip
        self.folder = "/"
        self.environment = {"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8", **pip.variables}
        self.environment["DEBIAN_FRONTEND"] = "noninteractive"

    def make(self) -> Step:
        """Install the smallest Debian."""
        step = _timed(["debootstrap", "--variant=minbase", "bookworm", str(self.root)], {})
        for file, there in self.pip.files.items():
            shutil.copy2(file, self.root / there.relative_to("/"))
        return step._replace(command="debootstrap --variant=minbase bookworm")

    def run(self, command: str) -> Step:
        """Run a command to its end."""
        binds = ""
        for folder in self.pip.folders:
            there = self.root / folder.relative_to("/")
            binds += f"mkdir -p {there}; mount --bind -o ro {folder} {there}\n"
        script = _INSIDE.format(root=self.root, binds=binds)
        new = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", script]
        inside = self.environment | {"COMMAND": f"cd {self.folder} && {command}"}
        return _timed(new, inside)._replace(command=command)


def pip_configuration() -> PipConfiguration:
    """What pip is configured with here."""
    words = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    variables: dict[str, str] = {}
    folders: list[Path] = []
    files: dict[Path, Path] = {}
    for name, value in re.findall(r"^(?:global|:env:)\.([\w-]+)='(.*)'$", listed, re.MULTILINE):
        parts = []
        for part in value.encode().decode("unicode_escape").split():
            path = Path(part.removeprefix("file://"))
            if part.startswith("file://"):
                folders.append(path.parent)  # an index refers to files beside it
            elif path.is_absolute() and path.is_dir():
                folders.append(path)
            elif path.is_absolute() and path.is_file():
                files[path] = Path("/etc") / f"pip-{path.name}"
                part = str(files[path])
            parts.append(part)
        variables[f"PIP_{name.upper().replace('-', '_')}"] = " ".join(parts)
    return PipConfiguration(variables, list(dict.fromkeys(folders)), files)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """A Dockerfile's instructions: the word and the rest."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, " ".join(rest.split())


def build(image: Image) -> Iterator[Step]:
    """Follow the Dockerfile.

    Raises:
        ValueError: it has an instruction that is not known here.
    """
    for word, rest in instructions(DOCKERFILE.read_text()):
        if word == "FROM":
            yield image.make()
        elif word == "RUN":
            yield image.run(rest)
        elif word == "WORKDIR":
            (image.root / rest.strip("/")).mkdir(parents=True)
            image.folder = rest
        elif (word, rest) == ("COPY", ". ."):
            copy_clone(image.root / image.folder.strip("/"))
        elif word == "ENV":
            name, _, value = rest.partition("=")
            image.environment[name] = value.replace("$PATH", image.environment["PATH"])
        else:
            raise ValueError(
                f"received {word} {rest}; expected what clusters/Dockerfile had so far"
            )


def set_up_host(image: Image) -> Iterator[Step]:
    """Set up a host of one's own."""
    yield image.make()
    install, clone, set_up = _HOST
    yield image.run(install)
    bundle = [
        "git",
        "-C",
        str(ROOT),
        "bundle",
        "create",
        "-q",
        str(image.root / "root/bocnn.bundle"),
    ]
    subprocess.run([*bundle, "HEAD"], check=True)
    yield image.run(clone)
    image.folder = "/root/bocnn"
    yield image.run(set_up)
    image.environment["PATH"] = f"/root/bocnn/.venv/bin:{_PATH}"


def follow(recipe: str, root: Path) -> Iterator[Step]:
    """All steps of a recipe, then a sweep, until one fails.

    Args:
        recipe: one of RECIPES.
        root: an empty folder.
    """
    image = Image(root, pip_configuration())
    for step in build(image) if recipe == "Dockerfile" else set_up_host(image):
        yield step
        if step.status:
            return
    yield image.run(SWEEP)
    yield image.run("bocnn status /root/rows --json")


def lacking() -> str:
    """What this machine lacks for it, in words; nothing where it has all."""
    if os.geteuid() != 0:
        return "needs root, to make a root folder"
    programs = [name for name in ("debootstrap", "unshare", "git") if shutil.which(name) is None]
    return f"needs {', '.join(programs)} (apt-get install debootstrap git)" if programs else ""


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """A folder for a root file system, with room for the libraries."""
    return tempfile.TemporaryDirectory(prefix="bocnn-bare-", dir="/var/tmp")


def _timed(words: list[str], environment: Mapping[str, str]) -> Step:
    """Run a command, and time it."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        words,
        env=dict(environment) or None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    wall_s = time.perf_counter() - start
    return Step(" ".join(words), done.returncode, wall_s, used, done.stdout)


def main(
    only: Annotated[list[str], typer.Option(help="Recipes to follow.")] = list(RECIPES),  # noqa: B006
) -> None:
    """Print the table; exit status 1 where a step failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the roots are removed
    if reason := lacking():
        sys.exit(reason)
    table, failed = Table("recipe", "step", "s", "processor, s"), False
    for recipe in only:
        with scratch() as root:
            for step in follow(recipe, Path(root)):
                numbers = (f"{step.wall_s:.0f}", f"{step.processor_s:.0f}")
                table.add_row(recipe, step.command[:80], *numbers)
                failed = failed or bool(step.status)
                if step.status:
                    print(step.said)
    Console(width=140).print(table)
    raise typer.Exit(int(failed))


if __name__ == "__main__":
    typer.run(main)
