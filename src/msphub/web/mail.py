"""The mail log (E): every mail the portal has sent, as its recipient sees it."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from msphub.kit.errors import Refused
from msphub.notifications import actions, permissions, queries
from msphub.notifications.choices import LinkEnd, MailState
from msphub.ui import cells, grid_view
from msphub.ui.grid import Column, Empty, GridPage, GridSpec, GridState
from msphub.ui.page import Action, Crumb, Item, Page
from msphub.web import keyset, shown
from msphub.web.middleware import PortalRequest

SPEC = GridSpec(
    name="mails",
    noun=gettext_lazy("mails"),
    noun_one=gettext_lazy("mail"),
    search_label=gettext_lazy("Search recipient and subject"),
    columns=[
        Column(key="subject", label=gettext_lazy("Subject"), pinned=True, width="wide"),
        Column(key="recipient", label=gettext_lazy("To")),
        Column(key="state", label=gettext_lazy("State"), render=shown.mail),
        Column(key="created", label=gettext_lazy("Written")),
    ],
    empty=Empty(
        title=gettext_lazy("No mails yet"),
        text=gettext_lazy("Every mail that the portal sends appears here, with its delivery state."),
        icon="mail",
    ),
)


def mails(request: PortalRequest) -> HttpResponse:
    """Show the mails, newest first."""
    state = GridState.parse(request.GET, SPEC, path=request.path)
    found = queries.mails(by=request.actor, search=state.q)
    after, before = keyset.decode_instant(state.after), keyset.decode_instant(state.before)
    if before is not None:
        rows, more = keyset.fetch(
            queries.newer_than(found, at=before[0], mail_id=before[1]), size=state.size, backwards=True
        )
        has_previous, has_next = more, True
    else:
        if after is not None:
            found = queries.older_than(found, at=after[0], mail_id=after[1])
        rows, has_next = keyset.fetch(found, size=state.size, backwards=False)
        has_previous = after is not None
    shown_rows: list[dict[str, Any]] = []
    for mail in rows:
        url = reverse("mail", kwargs={"mail_id": mail.id})
        shown_rows.append(
            {
                "id": mail.id,
                "url": url,
                "label": mail.subject,
                "subject": cells.Link(mail.subject, url),
                "recipient": cells.Text(mail.recipient, sub=mail.recipient_name),
                "state": mail.state,
                "created": cells.moment(mail.created_at),
            }
        )
    page = GridPage(
        rows=shown_rows,
        next_cursor=keyset.encode(rows[-1].created_at.isoformat(), rows[-1].id) if has_next and rows else "",
        previous_cursor=keyset.encode(rows[0].created_at.isoformat(), rows[0].id) if has_previous and rows else "",
        count=None,
    )
    return grid_view.respond(
        request,
        template="web/list.html",
        grid=grid_view.Grid(spec=SPEC, state=state, page=page),
        context={"page": Page(title=_("Mail log"))},
    )


def mail(request: PortalRequest, *, mail_id: uuid.UUID) -> HttpResponse:
    """Show one mail as its recipient sees it."""
    found = queries.get_mail(by=request.actor, mail_id=mail_id)
    items = [
        Item(label=_("To"), value=f"{found.recipient_name} <{found.recipient}>".strip()),
        Item(label=_("State"), value=shown.mail(found.state)),
        Item(label=_("Written"), value=cells.moment(found.created_at)),
        Item(label=_("Sent"), value=cells.moment(found.sent_at)),
    ]
    if found.link_ended:
        items.append(Item(label=_("One-time link"), value=capfirst(LinkEnd(found.link_ended).label)))
    if found.error:
        items.append(Item(label=_("Reason"), value=found.error))
    actions_here = []
    if found.state == MailState.FAILED and not found.link_ended and request.actor.may(permissions.RESEND_MAIL):
        actions_here.append(
            Action(
                label=_("Send again"), url=reverse("mail_resend", kwargs={"mail_id": mail_id}), how="post", icon="send"
            )
        )
    return render(
        request,
        "web/one_mail.html",
        {
            "page": Page(
                title=found.subject,
                crumbs=[Crumb(label=_("Mail log"), url=reverse("mails"))],
                actions=actions_here,
            ),
            "items": items,
            "body": queries.shown_body(mail=found),
        },
    )


@require_POST
def resend(request: PortalRequest, *, mail_id: uuid.UUID) -> HttpResponse:
    """Send a mail again that could not be delivered."""
    try:
        actions.resend_mail(by=request.actor, mail_id=mail_id)
    except Refused as refusal:
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, _("The mail is being sent again."))
    return redirect("mail", mail_id=mail_id)
