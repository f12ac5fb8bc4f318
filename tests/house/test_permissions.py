"""Every address says who may open it, and every built-in role exists."""

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from msphub.accounts.choices import CUSTOMER_ROLES, PARTNER_ROLES, Role
from msphub.kit import permissions
from msphub.web.routes import PUBLIC, SIGNED_IN

SIGN_IN_LIBRARY = ("allauth.",)


def _views(resolver: URLResolver) -> Iterator[URLPattern]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern)
        else:
            yield pattern


def test_every_view_declares_its_permission() -> None:
    known = {permission.name for permission in permissions.all_permissions()} | {PUBLIC, SIGNED_IN}
    for pattern in _views(get_resolver()):
        if pattern.callback.__module__.startswith(SIGN_IN_LIBRARY):
            continue
        assert getattr(pattern.callback, "permission", None) in known, pattern


def test_every_role_may_do_something_and_read_only_changes_nothing() -> None:
    for role in (*PARTNER_ROLES, *CUSTOMER_ROLES):
        assert permissions.of_role(role)
    writing = ("create", "edit", "manage", "change")
    for role in (Role.READ_ONLY, Role.CUSTOMER_READ_ONLY):
        assert not [name for name in permissions.of_role(role) if any(word in name for word in writing)]


def test_customers_roles_hold_nothing_of_the_partner() -> None:
    partner_only = {"customers.list", "customers.create", "customers.edit_terms", "customers.change_status"}
    for role in CUSTOMER_ROLES:
        assert not permissions.of_role(role) & partner_only
