"""How a domain says no."""

from collections.abc import Mapping

from django.utils.functional import Promise

type Text = str | Promise


class Refused(Exception):
    """A rule refuses what was asked; nothing has changed. Web and API turn it into an error at its field.

    `code` is stable and for programs; `message` is for people; `field` names the form field at fault, if one is;
    `fields` holds a message per field where several are at fault.
    """

    def __init__(
        self, code: str, message: Text, *, field: str | None = None, fields: Mapping[str, Text] | None = None
    ) -> None:
        super().__init__(str(message))
        self.code = code
        self.message = message
        self.fields: dict[str, Text] = dict(fields or {})
        if field is not None:
            self.fields.setdefault(field, message)


class Forbidden(Refused):
    """The actor lacks a permission."""

    def __init__(self, message: Text, *, permission: str) -> None:
        super().__init__("forbidden", message)
        self.permission = permission


class NotFound(Exception):
    """There is no such record for this actor; another tenant's record answers the same."""
