"""The events that an audit entry may record, and who wants to hear of them.

A domain declares its events in `events.py`; notifications subscribes. An entry of a subscribed event defers one job in
the same transaction, so a mail can neither be lost nor sent for something that was rolled back.
"""

import dataclasses

from msphub.kit.errors import Text


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """One kind of thing that happens. `customer_visible` entries are shown to the customer's own users."""

    name: str
    sentence: Text
    customer_visible: bool


_events: dict[str, Event] = {}
_subscribed: set[str] = set()


def declare(name: str, sentence: Text, *, customer_visible: bool = False) -> str:
    """Register an event and return its name. The sentence reads after the actor's name: "created the customer"."""
    _events[name] = Event(name, sentence, customer_visible)
    return name


def get(name: str) -> Event:
    """Return a declared event; an entry older than the code keeps its bare name as its sentence."""
    return _events.get(name) or Event(name, name, False)


def all_events() -> tuple[Event, ...]:
    """Return every declared event, by name."""
    return tuple(_events[name] for name in sorted(_events))


def subscribe(*names: str) -> None:
    """Make entries of these events defer the job `notifications.handle_event`."""
    _subscribed.update(names)


def is_subscribed(name: str) -> bool:
    """Tell whether an entry of this event defers a job."""
    return name in _subscribed
