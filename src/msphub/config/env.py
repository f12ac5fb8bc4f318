"""Every environment variable of MSP Hub, in one typed place. `docs/guide/configuration.md` is made from it."""

import json
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Mode(StrEnum):
    """What this process is for; only `production` faces real customers."""

    PRODUCTION = "production"
    DEMO = "demo"
    TEST = "test"


class NotConfigured(Exception):
    """The environment lacks something without which it would be unsafe to start. The text says what and how."""


class Environment(BaseSettings):
    """Read once at start. Names are upper case in the environment."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", case_sensitive=False)

    msphub_mode: Mode = Field(default=Mode.PRODUCTION, description="`production`, `demo` or `test`.")
    database_url: str = Field(
        default="",
        description="PostgreSQL as the application's role. Empty: the embedded PostgreSQL in the data directory.",
    )
    database_owner_url: str = Field(
        default="", description="PostgreSQL as the role that owns the tables; used by `msphub migrate` only."
    )
    database_pool_size: int = Field(
        default=8, ge=1, le=200, description="Most connections of one web or worker process."
    )
    msphub_data_dir: Path = Field(
        default=Path("var/msphub"), description="Where the embedded PostgreSQL and other local files are kept."
    )
    msphub_secret_key: str = Field(default="", description="Signs sessions and links; 50 random characters or more.")
    msphub_encryption_keys: str = Field(
        default="",
        description="Fernet keys for secrets at rest, separated by commas; the first encrypts, all decrypt (rotation).",
    )
    msphub_base_url: str = Field(
        default="http://localhost:8000", description="The portal's public address; links in mails start with it."
    )
    msphub_allowed_hosts: str = Field(
        default="", description="Further host names the portal answers to, separated by commas."
    )
    msphub_trust_proxy: bool = Field(
        default=False, description="Believe `X-Forwarded-For` and `X-Forwarded-Proto` (behind a reverse proxy only)."
    )
    msphub_smtp_url: str = Field(
        default="",
        description="`smtp://user:password@host:25`, `smtp+starttls://…:587` or `smtps://…:465`. "
        "Empty: mail is kept in the Mail log only.",
    )
    msphub_mail_from: str = Field(
        default="MSP Hub <no-reply@localhost>", description="Sender of mails when a partner has set none."
    )
    msphub_microsoft_timeout_seconds: float = Field(
        default=30.0,
        gt=0,
        le=300,
        description="How long a job waits for one answer of Microsoft. A live check in a form waits 3 seconds at most.",
    )
    msphub_microsoft_hosts: str = Field(
        default="api.partnercenter.microsoft.com, graph.microsoft.com, login.microsoftonline.com",
        description="Hosts that a partner may name as Microsoft's addresses, separated by commas: add a national "
        "cloud's, or `host:port` of an emulator. Partners' secrets go nowhere else. Demo and tests may name this "
        "machine too.",
    )
    msphub_clock_url: str = Field(
        default="", description="Demo and tests only: an emulator's clock that the portal takes its time from."
    )
    msphub_metrics_token: str = Field(
        default="",
        description="Bearer token of `/metrics`, 20 characters or more. Empty: there is no such page.",
    )
    msphub_log_level: str = Field(default="INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.")
    msphub_log_format: str = Field(default="json", description="`json`, or `console` for people.")
    msphub_static_dir: Path = Field(
        default=Path("var/static"), description="Where `msphub migrate` puts the compressed static files to serve."
    )

    @property
    def base_host(self) -> str:
        """Host name of the public address, without port."""
        return urlsplit(self.msphub_base_url).hostname or "localhost"

    @property
    def is_https(self) -> bool:
        """Whether the public address is https, which decides on secure cookies."""
        return self.msphub_base_url.startswith("https://")

    def require_safe(self) -> None:
        """Refuse to start a production process with a missing, short or known secret.

        Raises `NotConfigured` with one sentence per problem. Demo and test bring their own throw-away secrets.
        """
        if self.msphub_mode is not Mode.PRODUCTION:
            return
        problems = []
        if len(self.msphub_secret_key) < 50 or len(set(self.msphub_secret_key)) < 10:
            problems.append("MSPHUB_SECRET_KEY must be set to 50 random characters or more.")
        keys = [key.strip() for key in self.msphub_encryption_keys.split(",") if key.strip()]
        if not keys:
            problems.append("MSPHUB_ENCRYPTION_KEYS must hold at least one Fernet key (`msphub new-key` prints one).")
        for number, key in enumerate(keys, start=1):
            try:
                Fernet(key)
            except ValueError:
                problems.append(
                    f"MSPHUB_ENCRYPTION_KEYS: key {number} is not a Fernet key (`msphub new-key` prints one)."
                )
        if 0 < len(self.msphub_metrics_token) < 20:
            problems.append("MSPHUB_METRICS_TOKEN must have 20 characters or more, or be empty.")
        if self.msphub_clock_url:
            problems.append("MSPHUB_CLOCK_URL moves the clock and is for the demo only; unset it.")
        if problems:
            raise NotConfigured("\n".join(problems))


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the environment of this process, read once."""
    return Environment()


def encryption_keys(data_dir: Path) -> list[str]:
    """Return the encryption keys that go with a data directory: a demo's own, else those of the environment.

    Refuses one that is no key; having none is no error.
    """
    demo = data_dir / "secrets.json"
    text = environment().msphub_encryption_keys
    if demo.exists():
        text = json.loads(demo.read_text(encoding="utf-8"))["MSPHUB_ENCRYPTION_KEYS"]
    keys = [key.strip() for key in text.split(",") if key.strip()]
    for number, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError:
            raise NotConfigured(
                f"MSPHUB_ENCRYPTION_KEYS: key {number} is not a Fernet key (`msphub new-key` prints one)."
            ) from None
    return keys


def as_markdown() -> str:
    """Return the documented table of every variable, for docs/guide/configuration.md."""
    lines = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for name, field in Environment.model_fields.items():
        default = field.default.value if isinstance(field.default, Mode) else str(field.default)
        lines.append(f"| `{name.upper()}` | {f'`{default}`' if default else 'none'} | {field.description} |")
    return "\n".join(lines) + "\n"
