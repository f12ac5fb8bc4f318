"""Writes of discounts and their versions.

A version that holds or has held never changes: what was charged by it can be shown for ever. A coming one may be
changed or withdrawn until its day begins (UTC, see `days`).
"""

import datetime
import uuid
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from psycopg.errors import ForeignKeyViolation, UniqueViolation

from msphub.audit import actions as audit
from msphub.catalog import described, events, inputs, permissions, queries
from msphub.catalog.days import day_of
from msphub.catalog.inputs import Heading, Rates
from msphub.catalog.models import Discount, DiscountBand, DiscountItem, DiscountVersion
from msphub.kit import ids, text
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused, Text


def create_discount(
    *,
    by: Actor,
    heading: Heading,
    valid_from: datetime.date | None,
    rates: Rates,
    at: datetime.datetime,
    discount_id: uuid.UUID | None = None,
    cloned_from: str = "",
) -> Discount:
    """Create a discount with its first version. `cloned_from` is the name of the one it was copied from.

    `discount_id` is the form's own: sent twice, it makes one discount and returns that. Refuses a name that another
    discount has (case does not count), a day in the past, a category the vendor has not, and rates that are not
    complete.
    """
    by.require_partner(permissions.MANAGE_DISCOUNTS)
    heading, problems = inputs.check_heading(heading)
    problems |= inputs.check_valid_from(valid_from, today=day_of(at))
    if "category" not in problems and "vendor" not in problems:
        rates, found = inputs.check_rates(rates, category=heading.category)
        problems |= found
    inputs.refuse(problems)
    discount = Discount(
        id=discount_id or ids.new_id(),
        partner_id=by.partner_id,
        name=heading.name,
        sort_name=text.fold(heading.name),
        vendor=heading.vendor,
        country=heading.country,
        category=heading.category,
        created_at=at,
    )
    with transaction.atomic():
        if discount_id is not None and (made := _made_already(by=by, discount_id=discount_id)):
            return made
        try:
            with transaction.atomic():
                discount.save(force_insert=True)
        except IntegrityError as error:
            if discount_id is not None and (made := _made_already(by=by, discount_id=discount_id)):
                return made  # the other click came first
            raise _name_taken(error) from error
        version = DiscountVersion.objects.create(
            partner_id=by.partner_id,
            discount=discount,
            number=1,
            valid_from=valid_from,  # type: ignore[misc]  # checked above
            percent=rates.percent,
            created_at=at,
            created_by=by.name,
        )
        _insert_rates(discount=discount, version=version, rates=rates)
        audit.record(
            by=by,
            event=events.DISCOUNT_CLONED if cloned_from else events.DISCOUNT_CREATED,
            at=at,
            object_type="discount",
            object_id=discount.id,
            object_label=discount.name,
            changes=described.differences(
                old={}, new=described.heading(discount) | described.version(version=version, rates=rates)
            ),
            details={"Cloned from": cloned_from} if cloned_from else None,
        )
    return discount


def create_version(
    *,
    by: Actor,
    discount_id: uuid.UUID,
    valid_from: datetime.date | None,
    rates: Rates,
    version: int,
    at: datetime.datetime,
    version_id: uuid.UUID | None = None,
) -> DiscountVersion:
    """Add a version to a discount, from a day on that no other of its versions begins at.

    `version` is the discount's that the form was filled from; an older one is refused. `version_id` is the form's own:
    sent twice, it makes one version and returns that.
    """
    by.require_partner(permissions.MANAGE_DISCOUNTS)
    with transaction.atomic():
        discount = _locked(by=by, discount_id=discount_id)
        if version_id is not None:
            made = DiscountVersion.objects.filter(
                partner_id=by.partner_id, discount_id=discount_id, id=version_id
            ).first()
            if made is not None:
                return made
        _refuse_stale(discount, version=version)
        rates = _checked(discount=discount, valid_from=valid_from, rates=rates, at=at)
        discount.last_number += 1
        _touch(discount)
        new = DiscountVersion(
            id=version_id or ids.new_id(),
            partner_id=by.partner_id,
            discount=discount,
            number=discount.last_number,
            valid_from=valid_from,  # type: ignore[misc]  # checked above
            percent=rates.percent,
            created_at=at,
            created_by=by.name,
        )
        former = _newest(discount)
        before = _described(by=by, discount=discount, version=former) if former else {}
        _save_version(new, insert=True)
        _insert_rates(discount=discount, version=new, rates=rates)
        audit.record(
            by=by,
            event=events.VERSION_CREATED,
            at=at,
            object_type="discount",
            object_id=discount.id,
            object_label=discount.name,
            changes=described.differences(old=before, new=described.version(version=new, rates=rates)),
            details={"Version": f"v{new.number}"},
        )
    return new


def change_version(
    *,
    by: Actor,
    discount_id: uuid.UUID,
    version_id: uuid.UUID,
    valid_from: datetime.date | None,
    rates: Rates,
    version: int,
    at: datetime.datetime,
) -> DiscountVersion:
    """Change day and rates of a coming version. Refuses one that holds or has held, and a stale form."""
    by.require_partner(permissions.MANAGE_DISCOUNTS)
    with transaction.atomic():
        discount = _locked(by=by, discount_id=discount_id)
        _refuse_stale(discount, version=version)
        coming = _coming(discount=discount, version_id=version_id, at=at)
        rates = _checked(discount=discount, valid_from=valid_from, rates=rates, at=at)
        before = _described(by=by, discount=discount, version=coming)
        coming.valid_from = valid_from  # type: ignore[assignment]  # checked above
        coming.percent = rates.percent
        changes = described.differences(old=before, new=described.version(version=coming, rates=rates))
        if not changes:
            return coming
        _touch(discount)
        _save_version(coming, insert=False)
        _delete_rates(coming)
        _insert_rates(discount=discount, version=coming, rates=rates)
        audit.record(
            by=by,
            event=events.VERSION_CHANGED,
            at=at,
            object_type="discount",
            object_id=discount.id,
            object_label=discount.name,
            changes=changes,
            details={"Version": f"v{coming.number}"},
        )
    return coming


def withdraw_version(
    *, by: Actor, discount_id: uuid.UUID, version_id: uuid.UUID, version: int, at: datetime.datetime
) -> None:
    """Take back a coming version. Refuses one that holds or has held, and a discount's only one."""
    by.require_partner(permissions.MANAGE_DISCOUNTS)
    with transaction.atomic():
        discount = _locked(by=by, discount_id=discount_id)
        coming = _coming(discount=discount, version_id=version_id, at=at)
        _refuse_stale(discount, version=version)
        if not DiscountVersion.objects.filter(discount=discount).exclude(id=coming.id).exists():
            raise Refused("only_version", _("It is the only version. Change it, or delete the discount."))
        before = _described(by=by, discount=discount, version=coming)
        _touch(discount)
        _delete_rates(coming)
        coming.delete()
        audit.record(
            by=by,
            event=events.VERSION_WITHDRAWN,
            at=at,
            object_type="discount",
            object_id=discount.id,
            object_label=discount.name,
            changes={label: (old, None) for label, old in before.items()},
            details={"Version": f"v{coming.number}"},
        )


def rename_discount(*, by: Actor, discount_id: uuid.UUID, name: str, version: int, at: datetime.datetime) -> Discount:
    """Give a discount another name; vendor, country and category stay, since customer types rely on them."""
    by.require_partner(permissions.MANAGE_DISCOUNTS)
    with transaction.atomic():
        discount = _locked(by=by, discount_id=discount_id)
        heading = Heading(name=name, vendor=discount.vendor, country=discount.country, category=discount.category)
        heading, problems = inputs.check_heading(heading)
        inputs.refuse(problems)
        _refuse_stale(discount, version=version)
        former = discount.name
        if former == heading.name:
            return discount
        discount.name, discount.sort_name = heading.name, text.fold(heading.name)
        try:
            with transaction.atomic():
                _touch(discount)
        except IntegrityError as error:
            raise _name_taken(error) from error
        audit.record(
            by=by,
            event=events.DISCOUNT_RENAMED,
            at=at,
            object_type="discount",
            object_id=discount.id,
            object_label=discount.name,
            changes={"Discount Name": (former, discount.name)},
        )
    return discount


def delete_discount(*, by: Actor, discount_id: uuid.UUID, at: datetime.datetime) -> None:
    """Delete a discount with its versions. Refuses while anything refers to it; `customers.discounts` says what."""
    by.require_partner(permissions.MANAGE_DISCOUNTS)
    with transaction.atomic():
        discount = _locked(by=by, discount_id=discount_id)
        label = discount.name
        changes = {name: (value, None) for name, value in described.heading(discount).items()}
        newest = _newest(discount)
        if newest is not None:
            changes |= {
                name: (value, None) for name, value in _described(by=by, discount=discount, version=newest).items()
            }
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                for table in ("discountitem", "discountband"):
                    cursor.execute(
                        f"DELETE FROM catalog_{table} i USING catalog_discountversion w "  # noqa: S608 - a name of two
                        "WHERE w.partner_id = %s AND w.discount_id = %s "
                        "AND i.partner_id = w.partner_id AND i.discount_version_id = w.id",
                        [by.partner_id, discount_id],
                    )
                DiscountVersion.objects.filter(partner_id=by.partner_id, discount_id=discount_id).delete()
                Discount.objects.filter(partner_id=by.partner_id, id=discount_id).delete()
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except IntegrityError as error:
            if isinstance(error.__cause__, ForeignKeyViolation):
                raise Refused("in_use", _("The discount is in use and can't be deleted.")) from error
            raise
        audit.record(
            by=by,
            event=events.DISCOUNT_DELETED,
            at=at,
            object_type="discount",
            object_id=discount_id,
            object_label=label,
            changes=changes,
        )


def _made_already(*, by: Actor, discount_id: uuid.UUID) -> Discount | None:
    return Discount.objects.filter(partner_id=by.partner_id, id=discount_id).first()


def _locked(*, by: Actor, discount_id: uuid.UUID) -> Discount:
    discount = Discount.objects.select_for_update().filter(partner_id=by.partner_id, id=discount_id).first()
    if discount is None:
        raise NotFound
    return discount


def _touch(discount: Discount) -> None:
    discount.version += 1
    discount.save()


def _refuse_stale(discount: Discount, *, version: int) -> None:
    if discount.version != version:
        raise Refused(
            "stale", _("Somebody else has changed this discount meanwhile. Save again to keep what stands here.")
        )


def _coming(*, discount: Discount, version_id: uuid.UUID, at: datetime.datetime) -> DiscountVersion:
    version = DiscountVersion.objects.filter(
        partner_id=discount.partner_id, discount_id=discount.id, id=version_id
    ).first()
    if version is None:
        raise NotFound
    if version.valid_from <= day_of(at):
        raise Refused(
            "in_force",
            _("v%(number)s has been in force since %(day)s and can't change any more. Make a new version.")
            % {"number": version.number, "day": version.valid_from.isoformat()},
        )
    return version


def _newest(discount: Discount) -> DiscountVersion | None:
    return (
        DiscountVersion.objects.filter(partner_id=discount.partner_id, discount_id=discount.id)
        .order_by("-valid_from")
        .first()
    )


def _checked(*, discount: Discount, valid_from: datetime.date | None, rates: Rates, at: datetime.datetime) -> Rates:
    problems: dict[str, Text] = inputs.check_valid_from(valid_from, today=day_of(at))
    rates, found = inputs.check_rates(rates, category=discount.category)
    inputs.refuse(problems | found)
    return rates


def _save_version(version: DiscountVersion, *, insert: bool) -> None:
    try:
        with transaction.atomic():
            version.save(force_insert=insert)
    except IntegrityError as error:
        if isinstance(error.__cause__, UniqueViolation) and "discount_version_day" in str(error):
            message = _("Another version of this discount begins on that day. Choose another day, or change that one.")
            raise Refused("day_taken", message, field="valid_from") from error
        raise


def _name_taken(error: IntegrityError) -> Exception:
    if isinstance(error.__cause__, UniqueViolation) and "_pkey" in str(error):
        return NotFound()  # another partner's id
    if isinstance(error.__cause__, UniqueViolation) and "discount_name" in str(error):
        message = _("Another discount has this name. Capital letters make no difference.")
        return Refused("name_taken", message, field="name")
    return error


def _described(*, by: Actor, discount: Discount, version: DiscountVersion) -> dict[str, Any]:
    rates = queries.rates_in(by=by, version=version, category=discount.category)
    return described.version(version=version, rates=rates)


def _delete_rates(version: DiscountVersion) -> None:
    DiscountItem.objects.filter(partner_id=version.partner_id, discount_version_id=version.id).delete()
    DiscountBand.objects.filter(partner_id=version.partner_id, discount_version_id=version.id).delete()


def _insert_rates(*, discount: Discount, version: DiscountVersion, rates: Rates) -> None:
    """Insert items or bands as one statement, however many. Items that are no products of the vendor are refused."""
    if rates.bands:
        DiscountBand.objects.bulk_create(
            DiscountBand(
                partner_id=version.partner_id,
                discount_version=version,
                from_quantity=band.from_quantity,
                percent=band.percent,
            )
            for band in rates.bands
        )
    if not rates.items:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO catalog_discountitem (id, partner_id, discount_version_id, product_id, sku_id, percent)
            SELECT r.id, %s, %s, r.product_id, r.sku_id, r.percent
            FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::numeric[]) r(id, product_id, sku_id, percent)
            JOIN catalog_product p ON p.partner_id = %s AND p.id = r.product_id
            JOIN catalog_vendor v ON v.partner_id = %s AND v.id = p.vendor_id AND v.code = %s
            LEFT JOIN catalog_sku s ON s.partner_id = %s AND s.id = r.sku_id
            WHERE r.sku_id IS NULL OR s.product_id = r.product_id
            """,
            [
                version.partner_id,
                version.id,
                [ids.new_id() for _item in rates.items],
                [item.product_id for item in rates.items],
                [item.sku_id for item in rates.items],
                [item.percent for item in rates.items],
                version.partner_id,
                version.partner_id,
                discount.vendor,
                version.partner_id,
            ],
        )
        if cursor.rowcount != len(rates.items):
            message = _("Some rows are no products of this vendor. Search for them again.")
            raise Refused("unknown_product", message, field="items")
