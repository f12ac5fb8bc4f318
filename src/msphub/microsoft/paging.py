"""Reads a collection page by page, asking for the next one only when it is wanted (contract §0.5)."""

from collections.abc import Iterator, Mapping

from msphub.microsoft import errors, login, reading, transport


def pages(
    *,
    carrier: transport.Transport,
    path: str,
    query: Mapping[str, str] | None = None,
    kind: login.Kind = login.Kind.APP,
) -> Iterator[object]:
    """Yield the body of each page. Raises Unavailable when the links lead back to a page already seen."""
    answer = carrier.read(path=path, query=query, kind=kind)
    seen: set[reading.NextPage] = set()
    while True:
        yield answer.body
        following = reading.next_page(body=answer.body)
        if following is None:
            return
        if following in seen:
            raise errors.Unavailable("A list of Microsoft's goes in circles.")
        seen.add(following)
        token = following.continuation_token
        answer = carrier.read(
            path=following.path, kind=kind, headers={"MS-ContinuationToken": token} if token else None
        )


def objects(
    *,
    carrier: transport.Transport,
    path: str,
    query: Mapping[str, str] | None = None,
    kind: login.Kind = login.Kind.APP,
) -> Iterator[reading.Members]:
    """Yield the objects of a collection, over all its pages."""
    for body in pages(carrier=carrier, path=path, query=query, kind=kind):
        yield from reading.objects(body)
