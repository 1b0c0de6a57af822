"""SQLite's write-ahead log is used where the file system can do it, and only there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# GPFS and some of NFS: locks work, but not in the memory that a write-ahead log shares.
NO_SHARED_MEMORY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int is_shared_memory(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 4) return 0;
    path[length] = 0;
    return !strcmp(path + length - 4, "-shm");
}

#define REFUSE(name)                                               \
    int name(int file, int command, ...) {                         \
        va_list rest;                                              \
        va_start(rest, command);                                   \
        void *value = va_arg(rest, void *);                        \
        va_end(rest);                                              \
        static int (*real)(int, int, ...);                         \
        if (!real) real = dlsym(RTLD_NEXT, #name);                 \
        if ((command == F_SETLK || command == F_SETLKW) && is_shared_memory(file)) { \
            errno = EACCES;                                        \
            return -1;                                             \
        }                                                          \
        return real(file, command, value);                         \
    }

REFUSE(fcntl)
REFUSE(fcntl64)
"""

ASK = """
import sys
import optuna
from tuning.search.searcher import RelaxedSyncConnection

for again in range(2):
    storage = optuna.storages.RDBStorage(
        f"sqlite:///{sys.argv[1]}",
        engine_kwargs={"connect_args": {"factory": RelaxedSyncConnection}},
    )
    study = optuna.create_study(storage=storage, study_name="a", load_if_exists=True)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    with storage.engine.connect() as connection:
        print(connection.exec_driver_sql("PRAGMA journal_mode").scalar())
print(len(study.trials))
"""


@pytest.mark.heavy
@pytest.mark.survives(
    "the home's file system refuses SQLite's write-ahead log (GPFS, NFS)",
    "the default journal is used",
)
@pytest.mark.parametrize(("refuses", "journal"), [(False, "wal"), (True, "delete")])
def test_the_journal_is_one_that_the_file_system_can_do(
    refuses: bool, journal: str, tmp_path: Path
) -> None:
    if not shutil.which("cc"):
        pytest.skip("such a file system is simulated by a C library, and there is no compiler")
    source, library = tmp_path / "refuse.c", tmp_path / "refuse.so"
    source.write_text(NO_SHARED_MEMORY)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    asked = subprocess.run(
        [sys.executable, "-c", ASK, tmp_path / "optuna.db"],
        env=os.environ | ({"LD_PRELOAD": str(library)} if refuses else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.stdout.split() == [journal, journal, "4"], asked.stderr
    assert not list(tmp_path.glob("tmp*"))
