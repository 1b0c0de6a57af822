"""Machines for a cluster, on this one: network namespaces with an ssh server each.

Every host has its own processes, host name, devices, `/home`, `/tmp` and address, and one core;
`image` describes its disk. The hosts share one folder, `/mnt/shared`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.image import USER, install, run, which

TOOLS = ("ip", "unshare", "sshd", "ssh", "ssh-keygen", "rsync")


def why_not() -> str | None:
    """Why such hosts cannot be made on this machine; None where they can."""
    if os.geteuid() != 0:
        return "only root can make hosts, which are namespaces"
    missing = [tool for tool in TOOLS if not which(tool)]
    if missing:
        return f"no {', '.join(missing)} (Debian: openssh-server rsync iproute2)"
    name = f"mma{os.getpid()}"
    made = subprocess.run(
        f"ip link add {name} type bridge && ip link del {name} && unshare -mnpu --fork true",
        shell=True,
        capture_output=True,
        text=True,
    )
    return f"no namespaces here: {made.stderr.strip()}" if made.returncode else None


@dataclass
class Host:
    """One machine.

    Args:
        folder: its disk, see `image.install`.
        public: a second address, at which the outside reaches it.
    """

    name: str
    address: str
    folder: Path
    public: str | None = None
    process: subprocess.Popen[bytes] | None = None
    network: int = 0  # inode of its namespace

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def path(self, inside: str) -> Path:
        """Path of the host's file as seen from this machine, while the host runs."""
        assert self.process is not None
        return Path(f"/proc/{self.process.pid}/root", inside.lstrip("/"))


@dataclass
class Lab:
    """Hosts on one bridge; this process acts as their user.

    Args:
        variables: environment variables of the user, beside those of this process.
    """

    folder: Path
    bridge: str
    subnet: str
    hosts: dict[str, Host] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def shared(self) -> Path:
        """The folder that the hosts see as ``/mnt/shared``."""
        return self.folder / "shared"

    @property
    def key(self) -> Path:
        """Private ssh key that every host accepts."""
        return self.folder / "user" / ".ssh" / "id_ed25519"

    def boot(
        self,
        name: str,
        address: str,
        *,
        public: str | None = None,
        key: str = "",
        environment: dict[str, str] | None = None,
        extra: str = "",
    ) -> Host:
        """Make a machine and switch it on.

        Args:
            public: address at which the outside reaches it.
            key: a public ssh key that it accepts, beside the lab's own.
            environment: variables of every ssh session there.
            extra: shell commands of its first process, see `image.install`.
        """
        host = Host(name, address, self.folder / name, public)
        self.hosts[name] = host
        install(
            host.folder,
            name,
            [address, *([public] if public else [])],
            self.shared,
            keys=[self.key.with_suffix(".pub").read_text(), key],
            environment=environment or {},
            extra=extra,
        )
        self.power_on(host)
        return host

    def power_on(self, host: Host) -> None:
        """Start it from its disk, and wait until it answers ssh."""
        name, address = host.name, host.address
        wire = self._wire(host)
        space = f"{self.bridge}-{name}"
        # As before a loss of power: others would look for it at its old one for up to a minute.
        mac = f"02:00:00:00:00:{list(self.hosts).index(name) + 1:02x}"
        for line in (
            f"netns add {space}",
            f"link add {wire} type veth peer name eth0 netns {space}",
            f"link set {wire} master {self.bridge}",
            f"link set {wire} up",
            f"-n {space} link set lo up",
            f"-n {space} link set eth0 address {mac}",
            f"-n {space} link set eth0 up",
            f"-n {space} address add {address}/24 dev eth0",
            f"-n {space} route add default via {self.subnet}.1",
            *([f"-n {space} address add {host.public}/32 dev eth0"] if host.public else []),
        ):
            run("ip", *line.split())
        host.network = Path(f"/run/netns/{space}").stat().st_ino
        boot = host.folder / "boot.sh"
        with (host.folder / "sshd.log").open("wb") as log:
            host.process = subprocess.Popen(
                ["ip", "netns", "exec", space]
                + ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork"]
                + ["--kill-child=KILL", "--mount-proc", "bash", str(boot)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while self.ssh(host, "true").returncode:
            assert host.runs, (host.folder / "sshd.log").read_text()
            time.sleep(0.2)

    def ssh(self, host: Host, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command there as the cluster's user."""
        options = "BatchMode=yes ConnectTimeout=60 StrictHostKeyChecking=no LogLevel=ERROR"
        line = ["ssh", "-i", str(self.key), "-o", "UserKnownHostsFile=/dev/null"]
        line += [part for option in options.split() for part in ("-o", option)]
        return subprocess.run(
            [*line, f"{USER}@{host.address}", command],
            capture_output=True,
            text=True,
        )

    def power_off(self, host: Host) -> None:
        """Kill all of its processes at once, as a loss of power does."""
        if host.process and host.runs:
            # `ip netns exec` becomes `unshare`, whose death kills the host's first process,
            # and with that the kernel ends all others.
            os.killpg(host.process.pid, signal.SIGKILL)
            host.process.wait()
        for line in (f"link del {self._wire(host)}", f"netns del {self.bridge}-{host.name}"):
            subprocess.run(["ip", *line.split()], capture_output=True)

    def cut(self, host: Host) -> None:
        """Cut it off the network."""
        run("ip", "link", "set", self._wire(host), "down")

    def mend(self, host: Host) -> None:
        """Connect it to the network again."""
        run("ip", "link", "set", self._wire(host), "up")

    def environment(self) -> dict[str, str]:
        """Environment of the user who runs `ray up`."""
        return {
            **os.environ,
            "HOME": str(self.folder / "user"),
            "RAY_TMPDIR": str(self.folder / "user"),  # keeps Ray's notes of what is up
            "RAY_USAGE_STATS_ENABLED": "0",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            **self.variables,
        }

    def _wire(self, host: Host) -> str:
        return f"{self.bridge}-{list(self.hosts).index(host.name) + 1}"


@contextmanager
def clean_lab() -> Iterator[Lab]:
    """A lab in its own folder; fails if it leaves anything behind."""
    # A short path, for Ray's sockets have long names.
    folder = Path(tempfile.mkdtemp(prefix="lab-", dir="/tmp"))
    try:
        with lab(folder) as made:
            yield made
        deadline = time.monotonic() + 30  # ssh keeps its connections for ten seconds
        while (left := left_behind(made)) and time.monotonic() < deadline:
            time.sleep(1)
        assert left == []
    finally:
        shutil.rmtree(folder)


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """A bridge without hosts; on leaving, no host, process, mount or network is left.

    Args:
        folder: for all files.
    """
    bridge = f"mma{os.getpid() % 100000}"
    subnet = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"
    made = Lab(folder, bridge, subnet)
    made.shared.mkdir(parents=True)
    made.shared.chmod(0o1777)
    made.key.parent.mkdir(parents=True)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made.key))
    token = folder / "user" / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("0123456789abcdef" * 4)
    token.chmod(0o600)
    try:
        run("ip", "link", "add", bridge, "type", "bridge")
        run("ip", "address", "add", f"{subnet}.1/24", "dev", bridge)
        run("ip", "link", "set", bridge, "up")
        yield made
    finally:
        for host in made.hosts.values():
            made.power_off(host)
        subprocess.run(["ip", "link", "del", bridge], capture_output=True)


def left_behind(made: Lab) -> list[str]:
    """Networks, mounts, disks and processes of a lab that are still there."""
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True).stdout
    spaces = subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout
    mounts = Path("/proc/mounts").read_text()
    disks = subprocess.run(["losetup", "--list"], capture_output=True, text=True).stdout
    found = [
        line
        for text in (links, spaces, mounts, disks)
        for line in text.splitlines()
        if made.bridge in line or str(made.folder) in line
    ]
    networks = {host.network for host in made.hosts.values()}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text().replace("\0", " ")
            if (process / "ns" / "net").stat().st_ino in networks or str(made.folder) in command:
                found.append(command)
        except OSError:
            continue  # it ended meanwhile
    return found
