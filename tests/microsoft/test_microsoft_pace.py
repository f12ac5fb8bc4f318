"""The client keeps to Microsoft's limit by itself: it waits, and never asks more often than it may."""

import threading
import time
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msphub.microsoft import errors, pace

PATH = "/v1/customers/c-1/profiles/billing"
PROFILE = {"id": "b-1", "attributes": {"etag": "7"}}


class Clock:
    """A clock that stands still but for those who sleep."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def test_the_501st_request_of_a_minute_waits() -> None:
    clock = Clock()
    turns = pace.Pace(now=clock.now, sleep=clock.sleep)

    assert [turns.wait(key=("p", "c"), at_most=600) for _ in range(500)] == [0.0] * 500
    clock.time += 20
    assert turns.wait(key=("p", "c"), at_most=600) == pace.WINDOW_SECONDS - 20
    assert clock.slept == [pace.WINDOW_SECONDS - 20]
    assert turns.wait(key=("p", "another"), at_most=600) == 0.0


@given(pauses=st.lists(st.floats(0, 30), min_size=20, max_size=120))
def test_no_window_ever_holds_more_than_the_limit(pauses: list[float]) -> None:
    clock = Clock()
    turns = pace.Pace(requests=7, window=10.0, now=clock.now, sleep=clock.sleep)
    sent = []
    for pause in pauses:
        clock.time += pause
        turns.wait(key=("p",), at_most=600)
        sent.append(clock.time)

    for first, eighth in zip(sent, sent[7:], strict=False):
        assert eighth - first >= 10.0 - 1e-6


def test_who_would_wait_too_long_is_told_at_once_and_takes_no_turn() -> None:
    clock = Clock()
    turns = pace.Pace(requests=1, window=60.0, now=clock.now, sleep=clock.sleep)
    turns.wait(key=("p",), at_most=3)

    for _ in range(5):
        with pytest.raises(errors.Throttled) as raised:
            turns.wait(key=("p",), at_most=3)
        assert raised.value.retry_after == 60.0
    clock.time += 58
    assert turns.wait(key=("p",), at_most=3) == 2.0


def test_threads_share_the_limit() -> None:
    turns = pace.Pace(requests=10, window=0.2)
    sent: list[float] = []

    def ask() -> None:
        for _ in range(10):
            turns.wait(key=("p",), at_most=60)
            sent.append(time.monotonic())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(sent) == 40
    assert time.monotonic() - started >= 0.6


def test_clients_of_a_partner_wait_for_each_other_but_not_for_other_customers(
    make_client: Any, microsoft: Any, reply: Any
) -> None:
    turns = pace.Pace(requests=3, window=0.4)
    microsoft.on("GET", PATH, reply(body=PROFILE))
    for customer in ("c-2", "C-1"):
        microsoft.on("GET", PATH.replace("c-1", customer), reply(body=PROFILE))
    started = time.monotonic()

    for _ in range(3):
        make_client(turns=turns).billing_profile(customer_id="c-1")
    make_client(turns=turns).billing_profile(customer_id="c-2")
    assert time.monotonic() - started < 0.4
    make_client(turns=turns).billing_profile(customer_id="C-1")
    make_client(turns=turns).billing_profile(customer_id="c-1")

    assert time.monotonic() - started >= 0.4
    assert len(microsoft.calls()) == 6


def test_repeated_requests_count_too(make_client: Any, microsoft: Any, reply: Any) -> None:
    turns = pace.Pace(requests=2, window=0.3)
    microsoft.on("GET", PATH, reply(status=401), reply(status=503), reply(body=PROFILE))
    started = time.monotonic()

    make_client(turns=turns).billing_profile(customer_id="c-1")

    assert len(microsoft.calls(PATH)) == 3
    assert time.monotonic() - started >= 0.3


def test_a_wait_for_the_turn_is_no_part_of_the_time_out(make_client: Any, microsoft: Any, reply: Any) -> None:
    turns = pace.Pace(requests=1, window=0.6)
    microsoft.on("PATCH", "/v1/customers/c-1", reply(body={}, delay=0.1))
    client = make_client(turns=turns, timeout=0.4)

    for _ in range(2):
        client.remove_relationship(request_id=uuid.uuid4(), customer_id="c-1")

    assert len(microsoft.calls("/v1/customers/c-1")) == 2


def test_a_live_check_doesnt_queue(make_client: Any, microsoft: Any, reply: Any) -> None:
    turns = pace.Pace(requests=1, window=30.0)
    microsoft.on("GET", PATH, reply(body=PROFILE))
    client = make_client(turns=turns, timeout=1.0, read_retries=0)
    client.billing_profile(customer_id="c-1")
    started = time.monotonic()

    with pytest.raises(errors.Throttled):
        client.billing_profile(customer_id="c-1")

    assert time.monotonic() - started < 0.5
    assert len(microsoft.calls(PATH)) == 1
