"""What this release is, told from its files alone: whoever only starts processes needs no Django for it."""

from hashlib import sha256
from pathlib import Path

import django

PACKAGE = Path(__file__).resolve().parent.parent
STATIC_STAMP = ".msphub-sources"


def schema_stamp() -> str:
    """Return a digest of all that decides what tables and rights `msphub migrate` makes; needs no Django set up.

    Our migrations, SQL and rights, and the versions of the libraries, which bring migrations of their own.
    """
    config = PACKAGE / "config"
    files = {
        *PACKAGE.glob("*/migrations/*.py"),
        *PACKAGE.rglob("*.sql"),
        *(config / name for name in ("roles.py", "migrate.py", "settings.py", "embedded.py")),
        PACKAGE / "kit" / "tenancy.py",
    }
    libraries = sorted(path.name for path in Path(django.__file__).parent.parent.glob("*.dist-info"))
    return _digest_of(files, *libraries)


def release_stamp() -> str:
    """Return a digest of all that decides what `msphub migrate` would do, static files included."""
    static = {path for path in PACKAGE.glob("*/static/**/*") if path.is_file()}
    return _digest_of(static, schema_stamp())


def _digest_of(files: set[Path], *texts: str) -> str:
    digest = sha256("\n".join(texts).encode())
    for path in sorted(file for file in files if file.exists()):
        digest.update(str(path.relative_to(PACKAGE)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
