"""The command itself, its state file and its seed file."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from emulator_client import PartnerClient, customer_request

from partner_center_emulator.testing import running
from partner_center_emulator.wellknown import CONTOSO, Partner, stable_id


@contextmanager
def started(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "partner_center_emulator", "--port", "0", "--print-ready", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        word, url = process.stdout.readline().split()
        assert word == "READY"
        try:
            yield process, url
        finally:
            process.kill()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_command_ends_cleanly(how: signal.Signals) -> None:
    with started() as (process, url):
        assert httpx.get(f"{url}/_emulator/health").json()["status"] == "ok"
        process.send_signal(how)

        assert process.wait(timeout=5) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_state_file_survives_a_kill(tmp_path: Path) -> None:
    state = str(tmp_path / "emulator.db")
    headers = {"MS-RequestId": "94e4e214-6b06-4fb7-96d1-94d559f9b47f"}
    with started("--state", state) as (process, url):
        owner = PartnerClient(url=url, partner=CONTOSO)
        first = owner.post("/v1/customers", json=customer_request(), headers=headers)
        httpx.post(f"{url}/_emulator/clock", json={"advance": "P3D"})
        process.kill()

    with running(state_path=state) as emulator:
        owner = PartnerClient(url=emulator.url, partner=CONTOSO)
        again = owner.post("/v1/customers", json=customer_request(), headers=headers)
        assert again.json() == first.json()
        clock = httpx.get(f"{emulator.url}/_emulator/clock").json()
        assert clock["offset_seconds"] == pytest.approx(3 * 86400, abs=5)


def test_seed_file_adds_partners_and_tenants(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    partner_id = stable_id(name="partner litware")
    content = {
        "partners": [{"name": "Litware", "country": "CA", "markets": ["CA"]}],
        "tenants": [
            {"name": "Woodgrove", "country": "CA", "default_domain": "woodgrove.onmicrosoft.com"},
            {"default_domain": "tailspin.onmicrosoft.com", "customer_of": [partner_id]},
        ],
    }
    seed.write_text(json.dumps(content), encoding="utf-8")

    with running(seed_file=seed) as emulator:
        listed = httpx.get(f"{emulator.url}/_emulator/partners").json()
        assert len(listed) == len(emulator.partners) + 1
        known = next(item for item in listed if item["name"] == "Litware")
        litware = Partner(**known | {"markets": tuple(known["markets"]), "indirect_resellers": ()})
        client = PartnerClient(url=emulator.url, partner=litware)
        names = [item["companyProfile"]["domain"] for item in client.get("/v1/customers").json()["items"]]
        assert names == ["tailspin.onmicrosoft.com"]
        assert client.call("HEAD", "/v1/domains/woodgrove.onmicrosoft.com").status_code == 200


def test_package_knows_nothing_of_the_portal() -> None:
    package = Path(__file__).resolve().parents[2] / "src" / "partner_center_emulator"

    for path in package.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "msphub" not in source, path
        assert len(source.splitlines()) < 500, path
