"""Microsoft's products and prices of a market, brought into the catalogue by a job: one run after the other, visible.

A run reads the price sheets into a temporary table (`sheets.py`) and applies them in one transaction; then it reads
what the sheets do not tell of new SKUs, product by product, each kept at once. A worker killed anywhere leaves either
the old catalogue or the new one, and the job that takes the run up goes on from there.
"""

import datetime
import uuid
from collections.abc import Iterable

import structlog
from django.db import DatabaseError, connection, models, transaction
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app as jobs

from msphub.accounts import microsoft_connection
from msphub.accounts.models import MicrosoftConnection
from msphub.audit import actions as audit
from msphub.catalog import events, permissions, sheets
from msphub.catalog.choices import OPEN_SYNC, Category, Shelf, SyncState
from msphub.catalog.models import CatalogSync, Product, Sku
from msphub.kit import clock
from msphub.kit.actor import Actor, system_actor
from msphub.kit.errors import Refused
from msphub.microsoft import catalog_shapes, prices
from msphub.microsoft import client as microsoft_client
from msphub.microsoft import errors as microsoft_errors

log = structlog.get_logger(__name__)

SYNC = "catalog.sync_market"
LONGEST_WAIT_SECONDS = 900
# Products whose SKUs one job reads before it lets others have their turn.
DETAILS_AT_ONCE = 200
# When the nightly runs begin (UTC); `tasks.py` says the same to Procrastinate.
NIGHTLY = datetime.time(3, 20)


class TryLater(Exception):
    """Microsoft can't be reached or wants to be left alone; the job comes back after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"try again in {seconds:.0f} s")
        self.seconds = seconds


def markets(*, partner_id: uuid.UUID) -> list[str]:
    """Return the countries whose prices a partner needs: its active subscriptions', then its customers' (not archived).

    Those with most customers come first, as their prices are wanted first.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT country FROM (
                SELECT country, true AS own, 0 AS customers FROM accounts_subscription
                WHERE partner_id = %s AND customer_id IS NULL AND active AND country <> ''
                UNION ALL
                SELECT country, false, count(*) FROM accounts_tenant
                WHERE partner_id = %s AND kind = 'customer' AND archived_at IS NULL AND country <> ''
                GROUP BY country
            ) needed
            GROUP BY country ORDER BY bool_or(own) DESC, sum(customers) DESC, country
            """,
            [partner_id, partner_id],
        )
        return [row[0] for row in cursor.fetchall()]


def next_run_at(*, now: datetime.datetime) -> datetime.datetime:
    """Return when the next nightly runs begin."""
    today = datetime.datetime.combine(now.astimezone(datetime.UTC).date(), NIGHTLY, tzinfo=datetime.UTC)
    return today if today > now else today + datetime.timedelta(days=1)


def start_sync(
    *, by: Actor, at: datetime.datetime, market: str | None = None, accept_losses: bool = False
) -> list[CatalogSync]:
    """Start a run for a market, or for each that the partner needs, and return those that were started.

    A market that has an open run is left alone. Refuses without a connection to Microsoft, and a market nobody needs.
    """
    by.require_partner(permissions.MANAGE_CATALOGUE)
    if not MicrosoftConnection.objects.filter(partner_id=by.partner_id).exists():
        raise microsoft_connection.NotConnected
    needed = markets(partner_id=by.partner_id)
    if market is not None and market not in needed:
        raise Refused("market", _("No Partner Subscription and no customer is in that country."))
    with transaction.atomic():
        started = CatalogSync.objects.bulk_create(
            [
                CatalogSync(
                    partner_id=by.partner_id,
                    market=one,
                    accept_losses=accept_losses,
                    created_by=by.name,
                    created_at=at,
                )
                for one in ([market] if market else needed)
            ],
            ignore_conflicts=True,
        )
        found = list(
            CatalogSync.objects.filter(partner_id=by.partner_id, id__in=[run.id for run in started]).order_by("id")
        )
        for run in found:
            defer(run)
        if found and by.user_id is not None:
            audit.record(
                by=by,
                event=events.SYNC_STARTED,
                at=at,
                object_type="catalogue",
                object_id=None,
                object_label=", ".join(run.market for run in found),
            )
    return found


def defer(run: CatalogSync) -> None:
    """Defer the work of a run, with the transaction; one job at a time works on a partner's catalogue."""
    jobs.configure_task(SYNC, queue="microsoft", lock=f"catalog:{run.partner_id}").defer(
        partner_id=str(run.partner_id), sync_id=str(run.id)
    )


def work_on_sync(*, partner_id: uuid.UUID, sync_id: uuid.UUID) -> None:
    """Do what a run has left to do. Raises `TryLater` after an outage; a refusal ends it visibly.

    The connection must be in the partner's scope and outside any transaction.
    """
    run = CatalogSync.objects.filter(partner_id=partner_id, id=sync_id).first()
    if run is None or run.state not in OPEN_SYNC:
        return
    by = system_actor(partner_id=partner_id)
    run.attempts += 1
    run.started_at = run.started_at or clock.now()
    run.next_try_at = None
    run.save(update_fields=["attempts", "started_at", "next_try_at"])
    try:
        with microsoft_connection.client(partner_id=partner_id) as microsoft:
            if run.state != SyncState.DETAILS:
                _take_over(by=by, run=run, microsoft=microsoft)
            if _read_details(run=run, microsoft=microsoft):
                _finish(by=by, run=run)
            else:
                defer(run)
    except Refused as refusal:
        _fail(by=by, run=run, code=refusal.code, message=str(refusal.message))
    except microsoft_errors.Refused as refusal:
        _fail(by=by, run=run, code=str(refusal.code or refusal.status or ""), message=refusal.message)
    except microsoft_errors.MicrosoftError as outage:
        seconds = max(min(15.0 * 2.0 ** min(run.attempts, 6), LONGEST_WAIT_SECONDS), outage.retry_after or 0.0)
        _note(run, error=outage.message, wait=seconds)
        raise TryLater(seconds) from outage
    except DatabaseError:
        raise
    except Exception:
        _note(run, error=_("Something went wrong here, not at Microsoft. It is tried again by itself."), wait=None)
        raise


def _take_over(*, by: Actor, run: CatalogSync, microsoft: microsoft_client.Client) -> None:
    """Read the sheets of the market and apply them."""
    today = clock.now().date()
    loaded = sheets.Loaded()
    if not _open(run).exclude(state=SyncState.DETAILS).update(state=SyncState.DOWNLOADING):
        return  # another worker, that took this one for dead, has done it already
    sheets.begin()
    try:
        for view, timeline in (
            (prices.LICENSE_BASED, "current"),
            (prices.LICENSE_BASED, "future"),
        ):
            _load(run=run, microsoft=microsoft, view=view, timeline=timeline, today=today, loaded=loaded)
        try:
            for timeline in ("current", "future"):
                _load(run=run, microsoft=microsoft, view=prices.SOFTWARE, timeline=timeline, today=today, loaded=loaded)
            with_software = True
        except microsoft_errors.Refused as refusal:
            # Not every partner may sell software, and what it was offered before stays as it is.
            log.info("no_software_sheet", market=run.market, reason=refusal.message)
            with_software = False
        _apply(by=by, run=run, today=today, with_software=with_software)
    finally:
        sheets.end()


def _load(
    *,
    run: CatalogSync,
    microsoft: microsoft_client.Client,
    view: str,
    timeline: str,
    today: datetime.date,
    loaded: sheets.Loaded,
) -> None:
    rows = microsoft.prices.sheet(market=run.market, view=view, timeline=timeline)
    try:
        for state in sheets.load(
            rows=rows, market=run.market, today=today, software=view == prices.SOFTWARE, loaded=loaded
        ):
            run.rows_read, run.rows_refused, run.refusals = state.rows, state.refused, state.refusals
            run.save(update_fields=["rows_read", "rows_refused", "refusals"])
    except microsoft_errors.NotFound:
        if timeline == "current":
            raise
        # Microsoft announces nothing for this market.
    finally:
        rows.close()


def _apply(*, by: Actor, run: CatalogSync, today: datetime.date, with_software: bool) -> None:
    """Apply the sheets in one transaction, unless another worker has done it already."""
    _open(run).exclude(state=SyncState.DETAILS).update(state=SyncState.APPLYING)
    with transaction.atomic():
        locked = CatalogSync.objects.select_for_update().get(partner_id=run.partner_id, id=run.id)
        if locked.state != SyncState.APPLYING:
            return
        applied = sheets.apply(
            partner_id=by.partner_id,
            market=run.market,
            today=today,
            at=clock.now(),
            with_software=with_software,
            accept_losses=run.accept_losses,
        )
        for field in ("products_added", "skus_added", "prices_added", "prices_changed", "prices_ended"):
            setattr(locked, field, getattr(applied, field))
            setattr(run, field, getattr(applied, field))
        locked.state = run.state = SyncState.DETAILS
        locked.error = locked.error_code = run.error = run.error_code = ""
        locked.save()


def _read_details(*, run: CatalogSync, microsoft: microsoft_client.Client) -> bool:
    """Read what price sheets do not tell of new SKUs, and return whether that is all there is to read."""
    waiting = list(
        Product.objects.filter(
            partner_id=run.partner_id,
            vendor__code="microsoft",
            skus__details_at__isnull=True,
            skus__prices__market=run.market,
        )
        .distinct()
        .order_by("id")
        .values_list("id", "external_id")[:DETAILS_AT_ONCE]
    )
    for product_id, external_id in waiting:
        try:
            found = list(microsoft.catalog.skus(product_id=external_id, country=run.market))
        except microsoft_errors.NotFound:
            found = []
        _keep_details(run=run, product_id=product_id, found=found)
    return len(waiting) < DETAILS_AT_ONCE


def _keep_details(*, run: CatalogSync, product_id: uuid.UUID, found: Iterable[catalog_shapes.Sku]) -> None:
    at = clock.now()
    with transaction.atomic():
        known = {
            sku.external_id: sku
            for sku in Sku.objects.select_for_update().filter(partner_id=run.partner_id, product_id=product_id)
        }
        addon = False
        for told in found:
            addon = addon or told.is_addon
            if (sku := known.get(told.id)) is not None:
                _describe_sku(sku, told)
        for sku in known.values():
            sku.details_at = at
        Sku.objects.bulk_update(
            known.values(),
            [
                "minimum_quantity",
                "maximum_quantity",
                "is_trial",
                "prerequisites",
                "attestation",
                "description",
                "details_at",
            ],
        )
        if addon:
            Product.objects.filter(partner_id=run.partner_id, id=product_id, category=Category.ONLINE).update(
                category=Category.ADD_ON, shelf=Shelf.ADD_ON, updated_at=at
            )
        run.details_read += 1
        run.save(update_fields=["details_read"])


def _describe_sku(sku: Sku, told: catalog_shapes.Sku) -> None:
    least = max(told.minimum_quantity or 1, 1)
    most = told.maximum_quantity
    sku.minimum_quantity = least
    sku.maximum_quantity = most if most is not None and least <= most < 2**31 else None
    sku.is_trial = told.is_trial
    sku.prerequisites = list(told.prerequisite_skus)[:200]
    sku.attestation = (told.attestation_type or "")[:60] if told.must_attest else ""
    sku.description = told.description or sku.description


def _finish(*, by: Actor, run: CatalogSync) -> None:
    at = clock.now()
    with transaction.atomic():
        ended = _open(run).update(state=SyncState.DONE, finished_at=at, error="", error_code="", next_try_at=None)
        if not ended:
            return
        audit.record(
            by=by,
            event=events.SYNC_DONE,
            at=at,
            object_type="catalogue",
            object_id=None,
            object_label=run.market,
            details={
                "Rows": run.rows_read,
                "Rows refused": run.rows_refused,
                "New products": run.products_added,
                "New prices": run.prices_added,
                "Changed prices": run.prices_changed,
                "Ended prices": run.prices_ended,
            },
        )


def _fail(*, by: Actor, run: CatalogSync, code: str, message: str) -> None:
    at = clock.now()
    with transaction.atomic():
        ended = _open(run).update(
            state=SyncState.FAILED, finished_at=at, error_code=code[:30], error=message, next_try_at=None
        )
        if not ended:
            return
        audit.record(
            by=by,
            event=events.SYNC_FAILED,
            at=at,
            object_type="catalogue",
            object_id=None,
            object_label=run.market,
            details={"Reason": message},
        )


def _open(run: CatalogSync) -> models.QuerySet[CatalogSync]:
    """Return the run if it is not over: whoever comes second ends nothing again."""
    return CatalogSync.objects.filter(partner_id=run.partner_id, id=run.id, state__in=OPEN_SYNC)


def _note(run: CatalogSync, *, error: str, wait: float | None) -> None:
    """Show why nothing moves and when the next attempt comes."""
    CatalogSync.objects.filter(partner_id=run.partner_id, id=run.id).update(
        error=error,
        next_try_at=None if wait is None else clock.now() + datetime.timedelta(seconds=wait),
    )


def last_runs(*, by: Actor) -> list[CatalogSync]:
    """Return the last run of each market, by market."""
    by.require_partner(permissions.VIEW_CATALOGUE)
    return list(
        CatalogSync.objects.filter(partner_id=by.partner_id).order_by("market", "-created_at").distinct("market")
    )


def get_run(*, by: Actor, sync_id: uuid.UUID) -> CatalogSync | None:
    """Return one run."""
    by.require_partner(permissions.VIEW_CATALOGUE)
    return CatalogSync.objects.filter(partner_id=by.partner_id, id=sync_id).first()
