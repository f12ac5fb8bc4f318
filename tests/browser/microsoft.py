"""The emulated Microsoft behind the demo, as tests see it: what it was asked, and what it has now."""

import re
from typing import Any

import httpx


class Microsoft:
    """The controls of a demo's emulator. Other tests use the same one: never reset it, look at your own domain only."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=10)

    def tenants(self, *, domain: str) -> list[dict[str, Any]]:
        """Return the Microsoft tenants that have a domain."""
        found: list[dict[str, Any]] = self.client.get("/_emulator/tenants").raise_for_status().json()
        return [one for one in found if domain in {one["default_domain"], one["vanity_domain"]}]

    def free_tenant(self, *, partner: str) -> dict[str, Any]:
        """Return an existing Microsoft tenant that is nobody's customer; each call in a run gives another one."""
        found: list[dict[str, Any]] = self.client.get("/_emulator/tenants").raise_for_status().json()
        known = self.client.get("/_emulator/partners").raise_for_status().json()
        partners = {one["tenant_id"] for one in known}
        free = [
            one
            for one in found
            if not one["customer_of"] and one["tenant_id"] not in partners | _GIVEN and one["country"] == "US"
        ]
        assert free, "every Microsoft tenant is somebody's customer"
        _GIVEN.add(free[0]["tenant_id"])
        assert partner in partners
        return free[0]

    def requests(self, *, method: str, path: str) -> list[dict[str, Any]]:
        """Return what came in on a path (regular expression), in order."""
        found: list[dict[str, Any]] = self.client.get("/_emulator/requests").raise_for_status().json()
        return [one for one in found if one["method"] == method and re.search(path, one["path"])]

    def refuse_next_customer(self, *, code: str, text: str) -> None:
        """Let the next creation of a customer be refused."""
        fault = {
            "method": "POST",
            "path": "^/v1/customers$",
            "count": 1,
            "mode": "status",
            "status": 400,
            "body": {"code": code, "description": text},
        }
        self.client.post("/_emulator/faults", json=fault).raise_for_status()


_GIVEN: set[str] = set()
