"""The disk of a lab's machine, as its image would provide it.

Its user is `ubuntu`, as on the Ubuntu images of AWS, and may do everything with sudo. `~/venv`
holds the packages of the Python that runs the tests, except mmatune. pip is offline, so a version
that is not installed is an error. apt knows one package, python3-venv, and has it installed.
"""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import textwrap
from pathlib import Path

USER, UID = "ubuntu", 1000
HOME = Path("/home") / USER

_BOOT = """
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/python /mnt/site /mnt/shared /mnt/dev
mount --bind {python} /mnt/python
mount --bind {site} /mnt/site
mount -o remount,bind,ro /mnt/site
mount --bind {shared} /mnt/shared
# Devices of its own, so that a disk can be plugged into this machine alone.
mount -t tmpfs -o mode=755 tmpfs /mnt/dev
for device in null zero full random urandom tty; do
  touch /mnt/dev/$device
  mount --bind /dev/$device /mnt/dev/$device
done
mkdir -p /mnt/dev/pts /mnt/dev/shm /mnt/dev/disk/by-id
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts /mnt/dev/pts
ln -s pts/ptmx /mnt/dev/ptmx
ln -s /proc/self/fd /mnt/dev/fd
mount -t tmpfs -o size=4g tmpfs /mnt/dev/shm
mount --rbind /mnt/dev /dev
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/sshd
# Ray reads from here how many cores the machine has.
mount -t tmpfs tmpfs /sys/fs/cgroup
echo '100000 100000' > /sys/fs/cgroup/cpu.max
for file in hosts nsswitch.conf passwd group shadow sudoers; do
  if [ -e /etc/$file ]; then mount --bind {own}/etc/$file /etc/$file; fi
done
mount --bind {own}/etc/ssh /etc/ssh
if [ -d /var/lib/dpkg ]; then
  for folder in /var/lib/apt /var/cache/apt /etc/apt/sources.list.d; do
    mount -t tmpfs -o mode=755 tmpfs $folder
  done
  mount --bind {own}/dpkg /var/lib/dpkg
  if [ -e /etc/apt/sources.list ]; then mount --bind /dev/null /etc/apt/sources.list; fi
fi
mount -t tmpfs -o mode=755 tmpfs /root
mount --bind {own}/home /home
mount --bind {own}/tmp /tmp
# Where it was built for: its libraries are looked for there.
mkdir -p {python}
mount --bind /mnt/python {python}
hostname {name}
{extra}
exec env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin {sshd} -D -e
"""
_SSHD = """
HostKey /etc/ssh/host_key
AuthorizedKeysFile /etc/ssh/authorized_keys
PermitRootLogin no
PasswordAuthentication no
StrictModes no
UsePAM no
UseDNS no
PidFile none
MaxStartups 50
MaxSessions 50
"""
_INSTALLED = """
Package: python3-venv
Status: install ok installed
Version: 3.12.3-0ubuntu2
Architecture: all
Maintainer: nobody
Description: comes with the image

"""


def install(
    own: Path,
    name: str,
    addresses: list[str],
    shared: Path,
    *,
    keys: list[str],
    environment: dict[str, str],
    extra: str,
) -> None:
    """Write the disk of a machine, and ``boot.sh`` that starts it in namespaces of its own.

    Args:
        own: its folder; ``home`` and ``tmp`` are the machine's.
        shared: what it sees as ``/mnt/shared``.
        keys: public keys that its user is let in with.
        environment: of every ssh session.
        extra: shell commands of its first process, before it serves ssh.
    """
    (own / "tmp").mkdir(parents=True)
    (own / "tmp").chmod(0o1777)
    _write_etc(own / "etc", name, addresses, keys, environment)
    for folder in ("updates", "info"):
        (own / "dpkg" / folder).mkdir(parents=True)
    (own / "dpkg" / "status").write_text(_INSTALLED)
    _write_home(own / "home" / USER)
    (own / "boot.sh").write_text(
        _BOOT.format(
            python=_python(),
            site=site.getsitepackages()[0],
            shared=shared,
            own=own,
            name=name,
            extra=extra,
            sshd=which("sshd"),
        )
    )


def which(tool: str) -> str | None:
    """Path of a program, also of one in `sbin` that is not on `PATH`."""
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def run(*line: str) -> str:
    """Run a command that must succeed; returns what it prints."""
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, f"{textwrap.shorten(' '.join(line), 200)}: {done.stderr}"
    return done.stdout


def _write_etc(
    etc: Path, name: str, addresses: list[str], keys: list[str], environment: dict[str, str]
) -> None:
    (etc / "ssh").mkdir(parents=True)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(etc / "ssh" / "host_key"))
    (etc / "ssh" / "authorized_keys").write_text("".join(f"{key.strip()}\n" for key in keys))
    variables = "".join(f" {key}={value}" for key, value in environment.items())
    (etc / "ssh" / "sshd_config").write_text(_SSHD + (variables and f"SetEnv{variables}\n"))
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for address in addresses)]
    (etc / "hosts").write_text("\n".join(lines) + "\n")
    # Without a resolver every name that is looked up would take half a minute.
    (etc / "nsswitch.conf").write_text("hosts: files\n")
    users = Path("/etc/passwd").read_text().splitlines()
    users = [user for user in users if user.split(":")[2] != str(UID)]
    users.append(f"{USER}:x:{UID}:{UID}::{HOME}:/bin/bash")
    (etc / "passwd").write_text("\n".join(users) + "\n")
    groups = Path("/etc/group").read_text().splitlines()
    groups = [group for group in groups if group.split(":")[2] != str(UID)]
    (etc / "group").write_text("\n".join([*groups, f"{USER}:x:{UID}:"]) + "\n")
    (etc / "shadow").write_text(f"root:*:19000::::::\n{USER}:*:19000::::::\n")
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    rules = [f'Defaults secure_path="{path}"', f"{USER} ALL=(ALL) NOPASSWD: ALL"]
    (etc / "sudoers").write_text("\n".join(rules) + "\n")
    (etc / "sudoers").chmod(0o440)


def _write_home(home: Path) -> None:
    packages = home / "venv" / "lib" / Path(site.getsitepackages()[0]).parent.name / "site-packages"
    packages.mkdir(parents=True)
    for entry in Path(site.getsitepackages()[0]).iterdir():
        if "mmatune" not in entry.name:
            (packages / entry.name).symlink_to(f"/mnt/site/{entry.name}")
    (home / "venv" / "bin").mkdir()
    for script in Path(sys.executable).parent.iterdir():
        text = b"" if script.is_symlink() or script.is_dir() else script.read_bytes()
        first, _, rest = text.partition(b"\n")
        if first.startswith(b"#!") and b"python" in first and script.name != "mmatune":
            copy = home / "venv" / "bin" / script.name
            copy.write_bytes(f"#!{HOME}/venv/bin/python\n".encode() + rest)
            copy.chmod(0o755)
    (home / ".bashrc").write_text(f"export PATH={_python()}/bin:$PATH\n")
    (home / ".bash_profile").write_text(". ~/.bashrc\n")
    pip = home / ".config" / "pip" / "pip.conf"
    pip.parent.mkdir(parents=True)
    # "false" is pip's way to say that there is to be no isolation.
    pip.write_text("[global]\nno-index = true\nno-build-isolation = false\n")
    run("chown", "-R", f"{UID}:{UID}", str(home))


def _python() -> Path:
    """Folder of the Python installation that the tests' virtual environment is based on."""
    return Path(sys.executable).resolve().parents[1]
