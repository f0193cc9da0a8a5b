"""The cluster files: valid for Ray, closed to strangers, and with options that Ray and the command have."""

import re
import shlex
import socket
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweeps.declare.file.presets import find
from sweeps.errors import SweepError

ROOT = Path(__file__).parents[3]
LAUNCHED = [
    ROOT / "cluster.yaml",
    *(ROOT / "clusters" / f"{n}.yaml" for n in ("gcp", "on-premises")),
]
JOB = ROOT / "clusters" / "rayjob.yaml"

DOCKERFILE = ROOT / "clusters" / "Dockerfile"
PYTHON_OF_UBUNTU = {"22.04": (3, 10), "24.04": (3, 12), "26.04": (3, 14)}
"""The one version of Python 3 that a release's own packages hold."""

each_launched = pytest.mark.parametrize("path", LAUNCHED, ids=lambda path: path.name)


def start_commands(config: dict[str, Any]) -> list[list[str]]:
    """The `ray start` commands of a cluster, in words."""
    lines = [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]
    found = [shlex.split(line.rpartition("ray start")[2]) for line in lines if "ray start" in line]
    assert len(found) == 2
    return found


@each_launched
def test_ray_takes_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    def refuse(*arguments: object) -> None:
        raise OSError("validation must not need the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    validate_config(prepare_config(yaml.safe_load(path.read_text())))


@each_launched
def test_rays_validation_would_find_an_error(path: Path) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    with pytest.raises(Exception, match="max_worker"):
        validate_config(
            prepare_config(yaml.safe_load(path.read_text().replace("max_workers", "max_worker")))
        )


@each_launched
def test_a_cluster_is_closed_to_strangers(path: Path) -> None:
    config = yaml.safe_load(path.read_text())
    for line in (*config["head_start_ray_commands"], *config["worker_start_ray_commands"]):
        assert "ray start" not in line or "RAY_AUTH_MODE=token" in line
    assert "--dashboard-host=127.0.0.1" in start_commands(config)[0]
    assert "--num-cpus=0" in start_commands(config)[0]
    assert "~/.ray/auth_token" in config["file_mounts"]
    assert not re.search(r"(?<!\d)0\.0\.0\.0", path.read_text())


def test_nodes_on_aws_have_no_public_address() -> None:
    config = yaml.safe_load(LAUNCHED[0].read_text())
    assert config["provider"]["use_internal_ips"] is True
    for rule in config["provider"]["security_group"]["IpPermissions"]:
        assert rule["FromPort"] == rule["ToPort"] == 22
        assert all(entry["CidrIp"].startswith("10.") for entry in rule["IpRanges"])
    types = config["available_node_types"]
    assert types["head"]["resources"] == {"CPU": 0}
    assert "InstanceMarketOptions" in types["gpu_spot"]["node_config"]
    assert "InstanceMarketOptions" not in types["gpu_on_demand"]["node_config"]


def test_nodes_on_google_cloud_have_no_public_address() -> None:
    config = yaml.safe_load(LAUNCHED[1].read_text())
    assert config["provider"]["use_internal_ips"] is True
    nodes = {name: type["node_config"] for name, type in config["available_node_types"].items()}
    for node in nodes.values():
        assert all("accessConfigs" not in network for network in node["networkInterfaces"])
    assert nodes["gpu_spot"]["scheduling"]["provisioningModel"] == "SPOT"
    assert "provisioningModel" not in nodes["gpu_on_demand"]["scheduling"]


MODULES = {
    "aws": {"boto3": "boto3"},
    "gcp": {
        "google-api-python-client": "googleapiclient",
        "google-auth-httplib2": "google_auth_httplib2",
    },
}
"""What the extra of a cloud requires, and the module that it is for."""


@pytest.mark.parametrize("cloud", MODULES)
def test_what_starts_nodes_of_a_cloud_is_installed_with_it(cloud: str) -> None:
    import ray

    folder = Path(ray.__file__).parent / "autoscaler" / "_private" / cloud
    text = "".join(path.read_text() for path in sorted(folder.glob("*.py")))
    imported = set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE))
    assert set(MODULES[cloud].values()) <= imported - sys.stdlib_module_names
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert {line.partition(">")[0] for line in extras[cloud]} == MODULES[cloud].keys()
    (launched,) = (path for path in LAUNCHED if f"type: {cloud}\n" in path.read_text())
    assert f"make setup-cluster CLOUD={cloud}\n" in launched.read_text()


def releases(text: str) -> set[str]:
    """The releases of Ubuntu that a file names."""
    return set(re.findall(r"[Uu]buntu[ :](\d\d\.\d\d)", text))


def installed(text: str) -> set[str]:
    """The packages that a text has apt-get install."""
    found = re.findall(r"apt-get install ((?:[^&\n]|\\\n)+)", text)
    return {
        word for line in found for word in line.split() if word[0] not in "-\\" and len(word) > 1
    }


@pytest.mark.parametrize("path", [*LAUNCHED[:2], DOCKERFILE], ids=lambda path: path.name)
def test_the_image_has_the_packages_that_the_set_up_installs(path: Path) -> None:
    text = path.read_text()
    packages = installed(text)
    assert {"make", "python3", "python3-venv"} <= packages  # Ubuntu has venv apart from Python
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    least = tuple(int(part) for part in required.removeprefix(">=").split("."))
    assert releases(text)
    for release in releases(text):
        version = PYTHON_OF_UBUNTU[release]
        assert version >= least
        named = {word for word in packages if re.match(r"python3\.\d", word)}
        assert all(word.startswith("python{}.{}".format(*version)) for word in named)


def test_a_release_without_a_python_is_found() -> None:
    line = (
        "# Ubuntu 24.04\n  - sudo apt-get update -qq && sudo apt-get install -qq -y make python3.11"
    )
    assert releases(line) == {"24.04"}
    assert installed(line) == {"make", "python3.11"}


def test_the_image_of_the_job_is_one_that_a_file_builds() -> None:
    job = next(iter(yaml.safe_load_all(JOB.read_text())))
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    pods = [group["template"]["spec"] for group in groups]
    images = {container["image"] for pod in pods for container in pod["containers"]}
    built = re.search(r"docker build -f (\S+) -t (\S+)", DOCKERFILE.read_text())
    assert built and (ROOT / built[1]) == DOCKERFILE and images == {built[2]}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert built[2].endswith(f":{version}")
    assert "wget" in installed(DOCKERFILE.read_text())  # KubeRay's probes
    assert {".venv", ".git"} <= set((ROOT / ".dockerignore").read_text().split())


@each_launched
def test_ray_start_has_every_option(path: Path) -> None:
    from ray.scripts.scripts import start

    known = {option for parameter in start.params for option in parameter.opts}
    for words in start_commands(yaml.safe_load(path.read_text())):
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


def test_the_job_on_kubernetes() -> None:
    import ray
    from ray.scripts.scripts import start

    job, policy = yaml.safe_load_all(JOB.read_text())
    assert (job["kind"], policy["kind"]) == ("RayJob", "NetworkPolicy")
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["rayVersion"] == ray.__version__
    assert cluster["authOptions"] == {"mode": "token"}
    known = {option for parameter in start.params for option in parameter.opts}
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    assert all(f"--{name}" in known for group in groups for name in group["rayStartParams"])


def test_the_jobs_entry_point_is_a_command_of_ours() -> None:
    from typer.main import get_command

    from sweeps.cli import app

    job = next(iter(yaml.safe_load_all(JOB.read_text())))
    program, verb, *arguments = shlex.split(job["spec"]["entrypoint"])
    assert program == "bocnn"
    command = get_command(app).commands[verb]  # type: ignore[attr-defined]
    parsed = command.make_context(verb, arguments).params
    assert parsed["gpus"] == "1"  # the workers of the file have one each
    assert parsed["address"] == "auto" and parsed["out_folder"].startswith("s3://")
    (sweep,) = parsed["sweep"]
    find(sweep)
    with pytest.raises(SweepError):
        find(sweep + "x")


@each_launched
def test_nodes_get_all_that_their_set_up_needs(path: Path) -> None:
    config = yaml.safe_load(path.read_text())
    mounted = {here for there, here in config["file_mounts"].items() if there == f"~/bocnn/{here}"}
    assert {"~/.ray/auth_token", *(f"~/bocnn/{here}" for here in mounted)} == {
        *config["file_mounts"]
    }
    assert all((ROOT / here).exists() for here in mounted)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {
        name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]
    }
    files = {project["project"]["readme"], *project["project"]["license-files"]}
    assert mounted == packages | files | {"Makefile", "pyproject.toml", "constraints.txt"}
    excluded = [pattern for pattern in config["rsync_exclude"] if pattern != "__pycache__"]
    for source in (source for package in packages for source in (ROOT / package).rglob("*.py")):
        parts = source.relative_to(ROOT).parts
        assert not any(fnmatch(part, pattern) for part in parts for pattern in excluded), source


@each_launched
def test_ray_is_found_by_the_commands_that_ray_down_calls(path: Path, tmp_path: Path) -> None:
    command = yaml.safe_load(path.read_text())["setup_commands"][1]
    (tmp_path / ".bashrc").touch()
    for _ in range(2):
        subprocess.run(["bash", "-c", command], env={"HOME": str(tmp_path)}, check=True)
    found = subprocess.run(
        ["bash", "-c", ". ~/.bashrc; echo $PATH $RAY_AUTH_MODE"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == f"{tmp_path}/bocnn/.venv/bin:/usr/bin:/bin token\n"
