"""What can be switched while the emulator runs."""

from dataclasses import dataclass


@dataclass(kw_only=True)
class Settings:
    """Switches, changed by POST /_emulator/settings and put back by a reset."""

    throttling: bool = True
    requests_per_minute: int = 500
    vetting_days: int = 2
    refresh_token_days: int | None = None
