"""Machines for a cluster, on this one: network namespaces with an ssh server each.

Every host has processes, a host name, `/root`, `/tmp` and an address of its own, and one core.
They share one folder, `/mnt/shared`. A host's `~/venv` holds the packages of the Python that runs
the tests, as an image with everything but mmatune would; pip is offline there, so a version that is
not there is an error.
"""

from __future__ import annotations

import os
import shutil
import signal
import site
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

TOOLS = ("ip", "unshare", "sshd", "ssh", "ssh-keygen", "rsync")
_BOOT = """
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/python /mnt/site /mnt/shared
mount --bind {python} /mnt/python
mount --bind {site} /mnt/site
mount -o remount,bind,ro /mnt/site
mount --bind {shared} /mnt/shared
mount --bind {own}/hosts /etc/hosts
mount --bind {own}/nsswitch.conf /etc/nsswitch.conf
mount -t tmpfs -o size=4g tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mkdir /run/sshd
# Ray reads from here how many cores the machine has.
mount -t tmpfs tmpfs /sys/fs/cgroup
echo '100000 100000' > /sys/fs/cgroup/cpu.max
mount --bind {own}/root /root
mount --bind {own}/tmp /tmp
# Where it was built for: its libraries are looked for there.
mkdir -p {python}
mount --bind /mnt/python {python}
hostname {name}
exec env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root \\
  {sshd} -D -e -f /root/sshd_config
"""
_SSHD = """
HostKey /root/host_key
AuthorizedKeysFile /root/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
UseDNS no
PidFile none
MaxStartups 50
MaxSessions 50
"""


def why_not() -> str | None:
    """What this machine lacks for such hosts; None if nothing."""
    if os.geteuid() != 0:
        return "hosts are namespaces, which root makes"
    missing = [tool for tool in TOOLS if not _which(tool)]
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
        folder: has its ``root`` and ``tmp`` as seen from here.
    """

    name: str
    address: str
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    network: int = 0  # inode of its namespace

    def path(self, inside: str) -> Path:
        """Where a file under its ``/root`` is found from here."""
        return self.folder / "root" / Path(inside).relative_to("/root")


@dataclass
class Lab:
    """Hosts on one bridge; the user who tells them what to do is this process."""

    folder: Path
    bridge: str
    subnet: str
    hosts: dict[str, Host] = field(default_factory=dict)

    @property
    def shared(self) -> Path:
        """What the hosts see as ``/mnt/shared``."""
        return self.folder / "shared"

    @property
    def key(self) -> Path:
        """Lets in everywhere."""
        return self.folder / "user" / ".ssh" / "id_ed25519"

    def boot(self, name: str, address: str) -> Host:
        """A new machine."""
        host = Host(name, address, self.folder / name)
        self.hosts[name] = host
        self._install(host)
        self.power_on(host)
        return host

    def power_on(self, host: Host) -> None:
        """It answers ssh within a second, and has what was on its disk."""
        name, address = host.name, host.address
        wire = self._wire(host)
        space = f"{self.bridge}-{name}"
        for line in (
            f"netns add {space}",
            f"link add {wire} type veth peer name eth0 netns {space}",
            f"link set {wire} master {self.bridge}",
            f"link set {wire} up",
            f"-n {space} link set lo up",
            f"-n {space} link set eth0 up",
            f"-n {space} address add {address}/24 dev eth0",
            f"-n {space} route add default via {self.subnet}.1",
        ):
            _run("ip", *line.split())
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
        deadline = time.monotonic() + 30
        while self.ssh(host, "true").returncode:
            assert time.monotonic() < deadline, (host.folder / "sshd.log").read_text()
            time.sleep(0.2)

    def ssh(self, host: Host, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command there as the cluster's user."""
        options = "BatchMode=yes ConnectTimeout=5 StrictHostKeyChecking=no LogLevel=ERROR"
        line = ["ssh", "-i", str(self.key), "-o", "UserKnownHostsFile=/dev/null"]
        line += [part for option in options.split() for part in ("-o", option)]
        return subprocess.run(
            [*line, f"root@{host.address}", command],
            capture_output=True,
            text=True,
            timeout=60,
        )

    def power_off(self, host: Host) -> None:
        """All at once, as when the plug is pulled: no process of it is told."""
        if host.process and host.process.poll() is None:
            # `ip netns exec` becomes `unshare`, whose death kills the host's first process,
            # and with that the kernel ends all others.
            os.killpg(host.process.pid, signal.SIGKILL)
            host.process.wait()
        for line in (f"link del {self._wire(host)}", f"netns del {self.bridge}-{host.name}"):
            subprocess.run(["ip", *line.split()], capture_output=True)

    def cut(self, host: Host) -> None:
        """Take its network cable out."""
        _run("ip", "link", "set", self._wire(host), "down")

    def mend(self, host: Host) -> None:
        """Put it in again."""
        _run("ip", "link", "set", self._wire(host), "up")

    def environment(self) -> dict[str, str]:
        """Of the user who types `ray up`."""
        return {
            **os.environ,
            "HOME": str(self.folder / "user"),
            "RAY_TMPDIR": str(self.folder / "user"),  # keeps Ray's notes of what is up
            "RAY_USAGE_STATS_ENABLED": "0",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }

    def _wire(self, host: Host) -> str:
        return f"{self.bridge}-{list(self.hosts).index(host.name) + 1}"

    def _install(self, host: Host) -> None:
        """What a machine has before anybody sets it up."""
        root = host.folder / "root"
        packages = root / "venv" / "lib" / Path(site.getsitepackages()[0]).parent.name
        (packages / "site-packages").mkdir(parents=True)
        (root / "venv" / "bin").mkdir()
        (host.folder / "tmp").mkdir(mode=0o1777)
        (host.folder / "tmp").chmod(0o1777)
        for entry in Path(site.getsitepackages()[0]).iterdir():
            if "mmatune" not in entry.name:
                (packages / "site-packages" / entry.name).symlink_to(f"/mnt/site/{entry.name}")
        for script in Path(sys.executable).parent.iterdir():
            text = b"" if script.is_symlink() or script.is_dir() else script.read_bytes()
            first, _, rest = text.partition(b"\n")
            if first.startswith(b"#!") and b"python" in first and script.name != "mmatune":
                copy = root / "venv" / "bin" / script.name
                copy.write_bytes(b"#!/root/venv/bin/python\n" + rest)
                copy.chmod(0o755)
        (root / ".bashrc").write_text(f"export PATH={_python()}/bin:$PATH\n")
        (root / ".bash_profile").write_text(". ~/.bashrc\n")
        pip = root / ".config" / "pip" / "pip.conf"
        pip.parent.mkdir(parents=True)
        # "false" is pip's way to say that there is to be no isolation.
        pip.write_text("[global]\nno-index = true\nno-build-isolation = false\n")
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(root / "host_key"))
        shutil.copy(self.key.with_suffix(".pub"), root / "authorized_keys")
        (root / "authorized_keys").chmod(0o600)
        (root / "sshd_config").write_text(_SSHD)
        (host.folder / "hosts").write_text(f"127.0.0.1 localhost\n{host.address} {host.name}\n")
        (host.folder / "nsswitch.conf").write_text("hosts: files\n")
        (host.folder / "boot.sh").write_text(
            _BOOT.format(
                python=_python(),
                site=site.getsitepackages()[0],
                shared=self.shared,
                own=host.folder,
                name=host.name,
                sshd=_which("sshd"),
            )
        )


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """A bridge without hosts; on leaving, no host, process, mount or network is left.

    Args:
        folder: for all files; a short path, for Ray's sockets have long names.
    """
    bridge = f"mma{os.getpid() % 100000}"
    subnet = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"
    made = Lab(folder, bridge, subnet)
    made.shared.mkdir(parents=True)
    made.key.parent.mkdir(parents=True)
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made.key))
    token = folder / "user" / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("0123456789abcdef" * 4)
    token.chmod(0o600)
    try:
        _run("ip", "link", "add", bridge, "type", "bridge")
        _run("ip", "address", "add", f"{subnet}.1/24", "dev", bridge)
        _run("ip", "link", "set", bridge, "up")
        yield made
    finally:
        for host in made.hosts.values():
            made.power_off(host)
        subprocess.run(["ip", "link", "del", bridge], capture_output=True)


def left_behind(made: Lab) -> list[str]:
    """Networks, mounts and processes of a lab that are still there."""
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True).stdout
    spaces = subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout
    mounts = Path("/proc/mounts").read_text()
    found = [
        line
        for text in (links, spaces, mounts)
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


def _python() -> Path:
    """Where the Python is installed of which the tests' one is an environment."""
    return Path(sys.executable).resolve().parents[1]


def _which(tool: str) -> str | None:
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _run(*line: str) -> None:
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, f"{textwrap.shorten(' '.join(line), 200)}: {done.stderr}"
