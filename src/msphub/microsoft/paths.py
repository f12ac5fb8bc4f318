"""Parts of addresses: nobody's id may climb to another resource."""

from urllib.parse import quote


def part(text: str) -> str:
    """Return a text as one part of a path; refuses (ValueError) an empty one."""
    if text.strip(".").strip() == "":
        raise ValueError("an id or a domain is empty")
    return quote(text, safe="")


def customer(customer_id: str) -> str:
    """Return the path of a customer."""
    return f"/customers/{part(customer_id)}"


def quoted(etag: str) -> str:
    """Return an etag as If-Match wants it, inside double quotes (contract §0.2)."""
    return etag if etag.endswith('"') else f'"{etag}"'
