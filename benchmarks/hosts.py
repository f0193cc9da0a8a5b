"""Hosts on this machine: namespaces with processes, addresses, a home and an sshd of their own; needs root.

What hosts share is what a network would: one bridge, which can be cut, slowed down or lose a host. They run
this checkout's libraries, laid over with a layer in which each host has its own sources; a host is as
after `make setup-cluster`. A folder that all see is at /mnt; other files outside of homes and temporary
folders are this machine's own.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[1]
USER = "sweeps"
HOME = Path("/home") / USER
SOURCES = HOME / "bocnn"
"""Where `ray up` puts the working tree."""

_NUMBER = 4711
"""Of the user and of its group."""

_NOT_COPIED = (".git", ".venv", "data", "demo", "papers", "site", "build")
"""Names at the top of a checkout that no clone has."""

_FIRST = """
set -e
mount --make-rprivate /
hostname {name}
for file in passwd group; do mount --bind {folder}/$file /etc/$file; done
mount --bind {folder}/../hosts /etc/hosts
mount --rbind {shared} /mnt
mkdir -p {folder}/pythons && mount --bind {pythons} {folder}/pythons
[ {pythons_parent} = / ] || mount -t tmpfs -o mode=755 tmpfs {pythons_parent}
mkdir -p {pythons} && mount --bind {folder}/pythons {pythons}
layers=lowerdir={prefix},upperdir={folder}/upper,workdir={folder}/work
mount -t overlay -o $layers overlay {prefix}
mount -t tmpfs -o mode=755 tmpfs {home.parent}
mkdir {home} && mount --bind {folder}/home {home}
mount --bind {prefix} {sources}/.venv
mount -t tmpfs -o mode=1777{size} tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/sshd
/usr/sbin/sshd -D -e -f {folder}/sshd_config &
touch {folder}/ready
wait
"""

_SSHD = """
HostKey {folder}/key
ListenAddress {address}
AuthorizedKeysFile {keys}
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PidFile none
MaxStartups 50
StrictModes no
"""


def missing() -> str:
    """What this machine lacks for hosts, in words; nothing where it has all."""
    if os.geteuid() != 0:
        return "needs root, to make namespaces"
    programs = ("ip", "tc", "unshare", "nsenter", "runuser", "ssh", "ssh-keygen", "rsync")
    lacking = [name for name in programs if shutil.which(name) is None]
    lacking += [] if Path("/usr/sbin/sshd").exists() else ["sshd"]
    if lacking:
        return f"needs {', '.join(lacking)} (apt-get install iproute2 openssh-server rsync)"
    hidden = [str(path) for path in (ROOT, Path(sys.prefix)) if path.is_relative_to("/tmp")]
    return f"hosts have their own /tmp and would not see {', '.join(hidden)}" if hidden else ""


class Host:
    """One host; `alive` until it is killed."""

    def __init__(self, name: str, address: str, folder: Path) -> None:
        self.name, self.address, self.folder = name, address, folder
        self.started: list[subprocess.Popen[Any]] = []
        self._namespaces: subprocess.Popen[bytes] | None = None

    def boot(self, *, tmp_bytes: int | None = None) -> None:
        """Start the host's first process and sshd.

        Args:
            tmp_bytes: size of its temporary folder; the machine's memory where not given.
        """
        self._furnish()
        pythons = Path(os.path.realpath(sys.base_prefix))
        hidden = [path for path in pythons.parents if not path.stat().st_mode & 0o001]
        script = _FIRST.format(
            name=self.name,
            folder=self.folder,
            shared=self.folder.parent / "shared",
            pythons=pythons,
            pythons_parent=hidden[-1] if hidden else "/",
            prefix=sys.prefix,
            home=HOME,
            sources=SOURCES,
            size=f",size={tmp_bytes}" if tmp_bytes else "",
        )
        new = ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--mount-proc"]
        with (self.folder / "boot.txt").open("wb") as words:
            self._namespaces = subprocess.Popen(
                ["ip", "netns", "exec", self.name, *new, "--kill-child", "bash", "-c", script],
                stdout=words,
                stderr=words,
            )
        wait_for((self.folder / "ready").exists, 20)
        assert (self.folder / "ready").exists(), (self.folder / "boot.txt").read_text()

    def _furnish(self) -> None:
        """Write what a host has of its own."""
        for name in ("home", "upper", "work"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        home = self.folder / "home"
        (home / ".bashrc").touch()
        (home / "bocnn" / ".venv").mkdir(parents=True, exist_ok=True)
        line = f"{USER}:x:{_NUMBER}:{_NUMBER}::{HOME}:/bin/bash\n"
        (self.folder / "passwd").write_text(Path("/etc/passwd").read_text() + line)
        (self.folder / "group").write_text(
            Path("/etc/group").read_text() + f"{USER}:x:{_NUMBER}:\n"
        )
        if not (self.folder / "key").exists():
            new_key(self.folder / "key")
        keys = self.folder.parent / "user-key.pub"
        text = _SSHD.format(folder=self.folder, address=self.address, keys=keys)
        (self.folder / "sshd_config").write_text(text)
        self._lay_over(Path(sys.prefix))
        give_to_user(home)

    def _lay_over(self, prefix: Path) -> None:
        """Have the libraries of this host import its own sources; it is set up for a cluster."""
        packages = next((prefix / "lib").glob("python3*/site-packages"))
        upper = self.folder / "upper" / packages.relative_to(prefix)
        upper.mkdir(parents=True, exist_ok=True)
        for finder in packages.glob("__editable__*bocnn*finder.py"):
            text = finder.read_text()
            (there,) = re.findall(r"'bocnn': '([^']+)/bocnn'", text)
            (upper / finder.name).write_text(text.replace(there, str(SOURCES)))
        (self.folder / "upper" / ".cluster").touch()

    @property
    def pid(self) -> int:
        """The number, here, of the host's first process."""
        assert self._namespaces is not None
        children = Path(f"/proc/{self._namespaces.pid}/task/{self._namespaces.pid}/children")
        return int(children.read_text().split()[0])

    def processes(self) -> list[int]:
        """Numbers, here, of all processes of this host."""
        namespace, found = os.readlink(f"/proc/{self.pid}/ns/pid"), []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and os.readlink(entry / "ns/pid") == namespace:
                    found.append(int(entry.name))
        return found

    def words(self, command: str, *, user: str = USER) -> list[str]:
        """The words of a command that runs on this host, after the user's login, in the user's sources."""
        inside = [
            "nsenter",
            "--target",
            str(self.pid),
            "--mount",
            "--net",
            "--pid",
            "--uts",
            "--ipc",
        ]
        if user != USER:
            return [*inside, "--", "bash", "-c", command]
        there = f"cd {SOURCES} && export PATH={SOURCES}/.venv/bin:$PATH && {command}"
        return [*inside, "--", "runuser", "--login", USER, "--command", there]

    def run(
        self, command: str, *, user: str = USER, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on this host to its end."""
        words = self.words(command, user=user)
        return subprocess.run(words, capture_output=True, text=True, env=_environment(), **options)

    def start(self, command: str, said: Path) -> subprocess.Popen[Any]:
        """Start a command on this host; what it says goes to a file of this machine."""
        with said.open("wb") as words:
            started = subprocess.Popen(
                self.words(command),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
                env=_environment(),
            )
        self.started.append(started)
        return started

    def set_environment(self, values: Mapping[str, str]) -> None:
        """Variables that each login of the user has."""
        profile = self.folder / "home" / ".profile"
        lines = [f"export {name}='{value}'\n" for name, value in values.items()]
        profile.write_text("".join(lines))
        give_to_user(profile)

    def kill(self) -> None:
        """The host is lost: all that runs there, at once."""
        if self._namespaces is not None:
            with suppress(ProcessLookupError, IndexError, FileNotFoundError):
                os.kill(self.pid, signal.SIGKILL)
            self._namespaces.kill()
            self._namespaces.wait(timeout=30)
            self._namespaces = None
        for process in self.started:
            process.kill()
            process.wait(timeout=30)


class Network:
    """Hosts on one bridge, as a context manager; the bridge and all hosts are removed at its end."""

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        tmp_bytes: Mapping[str, int] | None = None,
        volumes: Mapping[str, int] | None = None,
    ) -> None:
        """Describe the hosts.

        Args:
            addresses: one a host, all of one /24.
            tmp_bytes: sizes of temporary folders that are small, by address.
            volumes: sizes of file systems of their own in the folder that all see, by name.
        """
        self.mark = f"bn{os.getpid() % 100000}"
        self.folder = Path(tempfile.mkdtemp(prefix="bocnn-hosts-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.key = self.folder / "user-key"
        self.shared = self.folder / "shared"
        self._tmp_bytes, self._volumes = tmp_bytes or {}, volumes or {}
        self.hosts = [
            Host(f"{self.mark}h{number}", address, self.folder / f"host-{number}")
            for number, address in enumerate(addresses)
        ]

    def __enter__(self) -> Self:
        try:
            new_key(self.key)
            self.shared.mkdir()
            for name, size in self._volumes.items():
                (self.shared / name).mkdir()
                words = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(self.shared / name)]
                subprocess.run(["mount", *words], check=True)
            give_to_user(self.shared)
            names = [f"{host.address} {host.name}\n" for host in self.hosts]
            (self.folder / "hosts").write_text("".join(["127.0.0.1 localhost\n", *names]))
            ip("link", "add", self.mark, "type", "bridge")
            ip("link", "set", self.mark, "up")
            for host in self.hosts:
                self._connect(host)
                host.boot(tmp_bytes=self._tmp_bytes.get(host.address))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _connect(self, host: Host) -> None:
        """Make the host's network, on the bridge."""
        ip("netns", "add", host.name)
        link = ("link", "add", f"v{host.name}", "type", "veth", "peer", "name", "eth0")
        ip(*link, "netns", host.name)
        ip("link", "set", f"v{host.name}", "master", self.mark, "up")
        ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            ip("-n", host.name, "link", "set", device, "up")

    def cut(self, host: Host) -> None:
        """Cut a host's link."""
        ip("link", "set", f"v{host.name}", "down")

    def restore(self, host: Host) -> None:
        """Restore a host's link."""
        ip("link", "set", f"v{host.name}", "up")

    def slow(self, host: Host, *words: str) -> None:
        """Slow a host's link down, both ways: words of tc, a kind of queue and its options."""
        queue = ("root", *words)
        subprocess.run(["tc", "qdisc", "add", "dev", f"v{host.name}", *queue], check=True)
        there = ["tc", "-n", host.name, "qdisc", "add", "dev", "eth0", *queue]
        subprocess.run(there, check=True)

    def lose(self, host: Host) -> None:
        """A host is gone for good, with its network."""
        host.kill()
        subprocess.run(["ip", "link", "del", f"v{host.name}"], capture_output=True)
        subprocess.run(["ip", "netns", "del", host.name], capture_output=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for host in self.hosts:
            self.lose(host)
        subprocess.run(["ip", "link", "del", self.mark], capture_output=True)
        for name in self._volumes:
            subprocess.run(["umount", str(self.shared / name)], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def copy_sources(host: Host) -> None:
    """Give a host this checkout's sources, as a clone would."""
    there = host.folder / "home" / "bocnn"
    copy_clone(there)
    give_to_user(there)


def copy_clone(there: Path) -> None:
    """Copy what a clone of this checkout would have."""
    for path in ROOT.iterdir():
        if path.is_dir() and path.name not in _NOT_COPIED:
            without = shutil.ignore_patterns("__pycache__", "*_cache")
            shutil.copytree(path, there / path.name, ignore=without)
        elif path.is_file():
            shutil.copy2(path, there)


def give_to_user(path: Path) -> None:
    """Make a file, or a folder with all in it, the user's own."""
    subprocess.run(["chown", "--recursive", f"{_NUMBER}:{_NUMBER}", str(path)], check=True)


def new_key(path: Path) -> None:
    """A new pair of keys for ssh."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def ip(*words: str) -> None:
    """Run ip."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


def wait_for(what: Callable[[], bool], seconds: float) -> bool:
    """Whether it comes true within so many seconds."""
    end = time.monotonic() + seconds
    while not (true := what()) and time.monotonic() < end:
        time.sleep(0.1)
    return true


def _environment() -> dict[str, str]:
    """What a login passes on: nothing of this process's own Ray, credentials or Python."""
    return {name: os.environ[name] for name in ("PATH", "TERM", "LANG") if name in os.environ}
