"""One emulated Microsoft: its memory, clock, switches and the faults it was ordered to have."""

from datetime import datetime, timedelta
from pathlib import Path

from partner_center_emulator import seed
from partner_center_emulator.clock import Clock
from partner_center_emulator.faults import Faults
from partner_center_emulator.requestlog import RequestLog
from partner_center_emulator.settings import Settings
from partner_center_emulator.state import State
from partner_center_emulator.throttle import Throttle


class World:
    """What the services, the controls and the pages share."""

    def __init__(self, *, state_path: str = ":memory:", seed_file: Path | None = None) -> None:
        self.state = State(path=state_path)
        self.clock = Clock(offset=self.state.clock_offset())
        self.settings = Settings()
        self.faults = Faults()
        self.throttle = Throttle()
        self.requests = RequestLog()
        self._seed_file = seed_file
        if self.state.setting(key="seeded") is None:
            self._fill()

    def _fill(self) -> None:
        with self.state.changing():
            self.state.clear()
            seed.load(state=self.state, seed_file=self._seed_file)
            self.state.keep_setting(key="seeded", value="yes")
        self.state.keep_as_origin()

    def reset(self) -> None:
        """Back to the seeded state: clock, settings, faults, counts and the list of requests too."""
        if not self.state.return_to_origin():
            self._fill()
        self.clock.offset = timedelta()
        self.settings = Settings()
        self.faults.clear()
        self.throttle.clear()
        self.requests.clear()

    def move_clock(self, *, instant: datetime) -> None:
        """Makes an instant the present and remembers it."""
        self.clock.move_to(instant=instant)
        with self.state.changing():
            self.state.keep_setting(key="clock_offset", value=str(self.clock.offset.total_seconds()))
