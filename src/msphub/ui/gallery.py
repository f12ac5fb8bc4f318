"""A gallery of every component, for looking and for tests; no part of the product's addresses."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from msphub.ui import cells, grid_view, htmx
from msphub.ui.forms import FormLink, Group, Layout, UiForm, set_check
from msphub.ui.grid import (
    BulkAction,
    Column,
    DateFilter,
    Empty,
    Export,
    Filter,
    GridPage,
    GridSpec,
    GridState,
    RowAction,
)
from msphub.ui.page import Action, Change, Crumb, Entry, Item, Page, ProgressStep, Step, Tab

NOW = dt.datetime(2026, 11, 22, 10, 42, tzinfo=dt.UTC)
TONES: dict[str, cells.Tone] = {"Active": "ok", "Suspended": "warn", "Disabled": "muted", "Failed": "danger"}
NAMES = [
    "Contoso",
    "Fabrikam",
    "Northwind",
    "Adatum",
    "Tailspin",
    "Wingtip",
    "Litware",
    "Proseware",
    "Relecloud",
    "Trey",
]
KINDS = ["Research", "Traders", "Toys", "Foods", "Publishing", "Airlines", "Insurance"]
COUNTRIES = ["US", "DE", "FR", "GB", "CA", "AU", "NL", "BE", "AT", "CH", "SE", "NO", "DK", "FI", "IT", "ES"]


def frame(request: HttpRequest) -> dict[str, Any]:
    """What the context processor of the product would give."""
    here = request.path

    def item(label: str, url: str, icon: str = "", **more: Any) -> dict[str, Any]:
        return {"label": label, "url": url, "icon": icon, "active": here == url, **more}

    menu = [
        item("Home", "/home/", "home"),
        {
            "label": "Customer",
            "icon": "building",
            "active": True,
            "children": [
                item("Customers", "/"),
                item("Customer Type", "/types/"),
                item("Credit Terms", "/terms/"),
                item("Discounts", "/discounts/"),
                item("Onboarding", "/onboarding/", count=2),
            ],
        },
        item("Orders", "/orders/", "shopping-cart"),
        item("Renewals", "/renewals/", "refresh"),
        {
            "label": "Billing",
            "icon": "file-invoice",
            "closed": True,
            "children": [item("Bill runs", "/runs/"), item("Invoices", "/invoices/"), item("Payments", "/payments/")],
        },
        item("Task System", "/tasks/", "checklist", count=3),
        item("Audit Logs", "/audit/", "history"),
    ]
    profile = {
        "name": "Ann Lee",
        "email": "ann.lee@contoso-msp.example",
        "groups": [
            {"label": "", "links": [item("My Profile", "/profile/", "user")]},
            {"label": "My Account", "links": [item("Company", "/c/", "buildings"), item("Users", "/u/", "users")]},
            {"label": "", "links": [item("Sign out", "/logout/", "logout", post=True)]},
        ],
    }
    return {
        "frame": {
            "brand": {"name": "MSP Hub", "accent": request.GET.get("accent", ""), "url": "/"},
            "menu": [{"label": "", "items": menu}],
            "top": [{"label": "Marketplace", "url": "/marketplace/", "icon": "building-store"}],
            "notifications": {"url": "/notifications/", "count": 2},
            "profile": profile if "anonymous" not in request.GET else None,
        }
    }


def _status(word: str) -> cells.Status:
    return cells.Status(word, TONES[word])


SPEC = GridSpec(
    name="customers",
    noun="customers",
    noun_one="customer",
    columns=[
        Column(key="name", label="Company Name", sortable=True, pinned=True, width="wide"),
        Column(key="type", label="Customer Type", sortable=True),
        Column(key="country", label="Country", sortable=True),
        Column(key="contact", label="Primary Contact"),
        Column(key="exposure", label="Exposure", align="end", sortable=True),
        Column(key="microsoft", label="Microsoft", render=_status),
        Column(key="status", label="Status", sortable=True, render=_status),
        Column(key="created", label="Created", sortable=True, render=cells.moment),
        Column(key="note", label="Note", default_shown=False),
    ],
    filters=[
        Filter(key="status", label="Status", choices=[(word.lower(), word) for word in TONES]),
        Filter(key="country", label="Country", choices=[(code, code) for code in COUNTRIES]),
        Filter(key="kind", label="Type", choices=[("std", "Standard"), ("edu", "Education")], multiple=False),
        DateFilter(key="created", label="Created"),
    ],
    default_sort="name",
    row_actions=[
        RowAction(
            key="buy",
            label="Purchase",
            icon="shopping-cart",
            icon_only=True,
            how="dialog",
            url=lambda row: f"/dialog/?id={row['id']}",
        ),
        RowAction(key="edit", label="Modify", icon="pencil", icon_only=True, url=lambda row: f"{row['url']}edit/"),
    ],
    bulk_actions=[
        BulkAction(key="enable", label="Enable", url="/bulk/"),
        BulkAction(key="suspend", label="Suspend", url="/dialog/", tone="danger", dialog=True),
    ],
    exports=[Export(label="CSV", url="/export.csv"), Export(label="Excel (XLSX)", url="/export.xlsx")],
    empty=Empty(
        title="No customers yet",
        text="A customer is a company you sell to. Create the first one; it takes four steps.",
        action_label="Create a customer",
        action_url="/form/",
        icon="building",
    ),
)


def sample_rows(count: int) -> list[dict[str, Any]]:
    """Made-up rows."""
    rows = []
    for i in range(count):
        name = f"{NAMES[i % len(NAMES)]} {KINDS[i * 3 % len(KINDS)]}"
        rows.append(
            {
                "id": i + 1,
                "url": f"/customers/{i + 1}/",
                "label": name,
                "name": cells.Link(name, f"/customers/{i + 1}/", sub=f"{name.split(maxsplit=1)[0].lower()}.example"),
                "type": "Standard" if i % 3 else "Education",
                "country": COUNTRIES[i % len(COUNTRIES)],
                "contact": cells.Text(f"{NAMES[-i % 10]} Okafor", sub=f"okafor{i}@mail.example"),
                "exposure": cells.Money(Decimal(i * 9713) / 7, "USD"),
                "microsoft": ("Active", "Failed", "Suspended")[i % 3] if i % 4 else "Active",
                "status": ("Active", "Active", "Suspended", "Disabled")[i % 4],
                "created": NOW - dt.timedelta(days=i * 11, minutes=i * 7),
                "note": "Called in May" if i % 2 else None,
            }
        )
    return rows


def customers(request: HttpRequest) -> HttpResponse:
    """The grid."""
    state = GridState.parse(request.GET, SPEC, path=request.path)
    if "failure" in state.q:
        return HttpResponse(status=500)
    rows = [] if "empty" in request.GET else sample_rows(60)
    rows = [row for row in rows if state.q.lower() in row["label"].lower()]
    if state.chosen("status"):
        rows = [row for row in rows if row["status"].lower() in state.chosen("status")]
    if state.chosen("country"):
        rows = [row for row in rows if row["country"] in state.chosen("country")]
    key = {"exposure": lambda row: row["exposure"].amount}.get(
        state.sort_key, lambda row: str(row[state.sort_key or "label"])
    )
    if state.sort_key == "name":
        key = lambda row: row["label"]  # noqa: E731
    rows.sort(key=key, reverse=state.descending)
    start = int(state.after or state.before or 0)
    page = GridPage(
        rows=rows[start : start + state.size],
        next_cursor=str(start + state.size) if start + state.size < len(rows) else None,
        previous_cursor=str(max(0, start - state.size)) if start else None,
        count=len(rows) if state.narrowed else "about 1,200",
    )
    head = Page(
        title="Customers",
        crumbs=[Crumb(label="Customer", url="/")],
        action=Action(label="Create", url="/form/", icon="plus"),
    )
    return grid_view.respond(
        request,
        template="ui/gallery_grid.html",
        grid=grid_view.Grid(spec=SPEC, state=state, page=page),
        context={"page": head},
    )


class CompanyForm(UiForm):
    """Step 1 of a wizard, to look at."""

    company_name = forms.CharField(label="Company Name", max_length=100)
    customer_type = forms.ChoiceField(label="Customer Type", choices=[("", "Choose…"), ("1", "Standard")])
    country = forms.ChoiceField(label="Country", choices=[("US", "United States"), ("DE", "Germany")])
    domain = forms.CharField(label="Domain", help_text=".onmicrosoft.com is appended")
    address_1 = forms.CharField(label="Address Line 1")
    address_2 = forms.CharField(label="Address Line 2", required=False, help_text="Not required")
    city = forms.CharField(label="City")
    state = forms.ChoiceField(label="State", choices=[("", "Choose…"), ("WA", "Washington")])
    zip_code = forms.CharField(label="ZIP Code")
    same = forms.BooleanField(label="Same as company address", required=False)
    account = forms.ChoiceField(
        label="Microsoft account",
        widget=forms.RadioSelect,
        choices=[
            ("existing", "The company has an existing Microsoft account"),
            ("new", "Create a new Microsoft account"),
            ("skip", "Skip this step"),
        ],
    )
    starts_on = forms.DateField(label="Effective date", widget=forms.DateInput(attrs={"type": "date"}))
    reason = forms.CharField(label="Reason", widget=forms.Textarea(attrs={"rows": 3}))
    password = forms.CharField(label="Password", widget=forms.PasswordInput)
    widths = {"zip_code": "short", "starts_on": "short", "country": "medium", "customer_type": "medium"}
    autocomplete = {"company_name": "organization", "zip_code": "postal-code", "password": "new-password"}
    layout = Layout(
        Group("Company", ["company_name", ["customer_type", "country"], "domain"]),
        Group(
            "Company Address",
            ["address_1", "address_2", ["city", "state", "zip_code"], "same"],
            link=FormLink("Import contact info", name="import", icon="download"),
            text="Where the company is registered.",
        ),
        Group("Microsoft", ["account", ["starts_on"], "reason", "password"]),
    )


def form_page(request: HttpRequest) -> HttpResponse:
    """A wizard's step with its summary."""
    form = CompanyForm(request.POST or None)
    set_check(form, name="domain", url="/check/")
    if request.method == "POST" and form.is_valid():
        return htmx.go(request, "/")
    names = ["Company Information", "Contacts", "Microsoft Account", "Additional Information"]
    states = ["done", "current", "coming", "coming"]
    steps = [Step(label=n, state=s, url="#") for n, s in zip(names, states, strict=True)]  # type: ignore[arg-type]
    groups = [
        {
            "label": "Company Information",
            "url": "#",
            "entries": [
                Item(label="Company Name", value="Contoso Research"),
                Item(label="Country", value="United States"),
                Item(label="Company Address", value="1 Microsoft Way, Redmond, WA 98052"),
            ],
        },
        {"label": "Contacts", "entries": []},
    ]
    page = Page(title="Create customer", crumbs=[Crumb(label="Customers", url="/")], steps=steps)
    return render(request, "ui/gallery_form.html", {"form": form, "page": page, "groups": groups})


def check(request: HttpRequest) -> HttpResponse:
    """A live check's answer."""
    free = "taken" not in request.GET.get("domain", "")
    context = {"tone": "ok" if free else "warn", "text": "This domain is free" if free else "This domain is taken"}
    return render(request, "ui/check.html", context)


class ReasonForm(UiForm):
    """A dialog's form."""

    reason = forms.CharField(label="Reason")
    starts_on = forms.DateField(label="Effective date", widget=forms.DateInput(attrs={"type": "date"}))
    widths = {"starts_on": "short"}


def dialog(request: HttpRequest) -> HttpResponse:
    """A dialog, or a page without script."""
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        messages.success(request, "Suspended 3 customers.")
        return htmx.go(request, "/")
    context = {"form": form, "page": Page(title="Suspend customers", narrow=True), "back_url": "/"}
    return render(request, "ui/gallery_dialog.html", context)


def components(request: HttpRequest) -> HttpResponse:
    """Everything else."""
    tabs = "Products Orders Invoices Subscriptions,CSP Accounts,Audit Logs,Users,Profile".replace(" O", ",O").replace(
        " I", ",I"
    )
    names = tabs.replace(" Subs", ",Subs").split(",")
    page = Page(
        title="Contoso Research",
        status=_status("Active"),
        subtitle="contoso.example · customer since 2024",
        crumbs=[Crumb(label="Customers", url="/")],
        actions=[Action(label="Suspend", url="/dialog/", how="dialog"), Action(label="Modify", url="#", icon="pencil")],
        action=Action(label="Purchase", url="#", icon="shopping-cart"),
        tabs=[Tab(label=n, url="#", current=n == "Products", count=4 if n == "Products" else None) for n in names],
    )
    messages.success(request, "Customer saved.")
    messages.error(request, "Microsoft did not accept the address: ZIP 98101 is not in Oregon.")
    running = "done" not in request.GET
    context = {
        "page": page,
        "now": NOW,
        "running": running,
        "progress": progress_steps(running=running),
        "items": [
            Item(label="Primary domain", value="contoso.onmicrosoft.com", copy=True),
            Item(label="Microsoft ID", value="8f1c1f0e-4b7e-4f5f-9d6a-1f2f3a4b5c6d", copy=True),
            Item(label="Customer Type", value=cells.Link("Standard", "#")),
            Item(label="Credit limit", value=cells.Money(Decimal(25000), "USD")),
            Item(label="Created", value=cells.moment(NOW)),
            Item(label="Fax Number", value=None),
        ],
        "entries": [
            Entry(
                at=cells.ago(NOW - dt.timedelta(minutes=4), now=NOW),
                who="Ann Lee",
                what="Changed the company address",
                tone="info",
                changes=[Change(label="City", old="Seattle", new="Portland"), Change(label="ZIP Code", new="97201")],
            ),
            Entry(
                at=cells.ago(NOW - dt.timedelta(days=3), now=NOW),
                who="System",
                what="Creating the Microsoft account failed",
                detail="Microsoft did not accept the address.",
                tone="danger",
            ),
            Entry(
                at=cells.moment(NOW - dt.timedelta(days=80)), who="Joe Bloggs", what="Created the customer", tone="ok"
            ),
        ],
        "empty": Empty(
            title="No invoices yet", text="Invoices appear here after the first bill run.", icon="file-invoice"
        ),
        "card_action": Action(label="Edit", url="#"),
    }
    return render(request, "ui/gallery_components.html", context)


def progress_steps(*, running: bool) -> list[ProgressStep]:
    """Steps of long work."""
    last = (
        ProgressStep(label="Accept the agreement", state="waiting")
        if running
        else ProgressStep(
            label="Accept the agreement",
            state="failed",
            at=cells.moment(NOW),
            reason="Microsoft did not accept the phone number of the person who agreed.",
            action=Action(label="Retry", url="#", how="post"),
        )
    )
    return [
        ProgressStep(
            label="Create the Microsoft tenant", state="done", at=cells.moment(NOW), result="contoso.onmicrosoft.com"
        ),
        ProgressStep(label="Set the qualification", state="running" if running else "skipped"),
        last,
    ]


def progress(request: HttpRequest) -> HttpResponse:
    """What the polling asks for."""
    count = int(request.session.get("polls", 0)) + 1
    request.session["polls"] = count
    running = count % 3 != 0
    context = {
        "steps": progress_steps(running=running),
        "running": running,
        "url": "/progress/",
        "title": "Microsoft account",
    }
    return render(request, "ui/progress.html", context | {"outcome": "Stopped with a failure."})


def plain(request: HttpRequest) -> HttpResponse:
    """The centred card."""
    page = Page(title="Choose a password", subtitle="For ann.lee@contoso.example. The link works once, for 72 hours.")
    return render(request, "ui/gallery_plain.html", {"page": page, "form": ReasonForm()})


def error(request: HttpRequest, code: int) -> HttpResponse:
    """An error page."""
    return render(request, f"{code}.html", status=code)


urlpatterns = [
    path("", customers),
    path("form/", form_page),
    path("check/", check),
    path("dialog/", dialog),
    path("bulk/", csrf_exempt(dialog)),
    path("components/", components),
    path("progress/", progress),
    path("plain/", plain),
    path("error/<int:code>/", error),
    path("accounts/", include("allauth.urls")),
]
