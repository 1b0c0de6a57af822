"""Locks between processes, as files.

A lock file is never removed: whoever waits for it holds the file open, and would lock a file that
nobody finds any more while another process locks a new one of the same name.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from model.errors import InputError

# What a file system without locks answers: Lustre without `-o flock`, some of NFS and FUSE.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)


@contextmanager
def locked(path: Path, seconds: float = -1) -> Iterator[None]:
    """Hold a lock; the kernel releases it however this process ends.

    Args:
        path: of the lock file, which is made.
        seconds: to wait for another process; 0 tries once, below 0 waits for as long as it takes.

    Raises:
        Timeout: another process holds it.
        InputError: the file system has no locks.
    """
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(timeout=seconds)
    except Timeout:  # which is an OSError too
        raise
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        raise InputError(
            "this file system has no locks, so two processes could write at once",
            where=str(path.parent),
            hint="set MMATUNE_HOME to a folder on a local disk",
        ) from error
    try:
        yield
    finally:
        lock.release()
