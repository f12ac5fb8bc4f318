"""Reads a collection page by page, asking for the next one only when it is wanted (contract §0.5)."""

from collections.abc import Iterator, Mapping

from msphub.microsoft import errors, login, reading, transport

_NO_CONTENT = 204
_TOKEN = "MS-ContinuationToken"  # noqa: S105 - the name of a header


def pages(
    *,
    carrier: transport.Transport,
    path: str,
    query: Mapping[str, str] | None = None,
    kind: login.Kind = login.Kind.APP,
    has_token_in_header: bool = False,
) -> Iterator[object]:
    """Yield the body of each page. Some lists tell where they go on in a header of the answer (contract §10.5).

    Raises Unavailable when the links lead back to a page already seen, and when an answer is no list: that nothing was
    told isn't the same as that there is nothing.
    """
    answer = carrier.read(path=path, query=query, kind=kind)
    seen: set[reading.NextPage] = set()
    while True:
        yield listed(answer)
        following = reading.next_page(body=answer.body)
        if following is None and has_token_in_header and (header := answer.headers.get(_TOKEN)):
            following = reading.NextPage(path=transport.with_query(path, query), continuation_token=header)
        if following is None:
            return
        if following in seen:
            raise errors.Unavailable("A list of Microsoft's goes in circles.")
        seen.add(following)
        token = following.continuation_token
        answer = carrier.read(path=following.path, kind=kind, headers={_TOKEN: token} if token else None)


def listed(answer: transport.Answer) -> object:
    """Return the body of an answer that is a list, whatever its wrapper. Raises Unavailable for anything else."""
    if answer.status != _NO_CONTENT and not isinstance(answer.body, dict | list):
        raise errors.Unavailable("Microsoft's answer has no list.", status=answer.status)
    return answer.body


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
