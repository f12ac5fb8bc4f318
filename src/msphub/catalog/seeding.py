"""What every partner's catalogue holds from the first day: the vendors and their best known products.

The ids are the vendors' own, so that a later sync finds its products here instead of adding them again.
"""

import csv
import datetime
import functools
import io
import uuid
from collections.abc import Sequence
from importlib import resources

from django.db import connection, transaction

from msphub.audit import actions as audit
from msphub.catalog import events, permissions
from msphub.catalog.choices import SHELF_OF, Shelf, VendorCode
from msphub.kit import ids, text
from msphub.kit.actor import Actor


def create_catalogue(*, by: Actor, at: datetime.datetime) -> int:
    """Fill a partner's catalogue with what it lacks, and return how many SKUs that were. Run twice, it adds nothing."""
    by.require_partner(permissions.MANAGE_DISCOUNTS)
    with transaction.atomic():
        added = fill(partner_id=by.partner_id, at=at)
        if added:
            audit.record(
                by=by,
                event=events.CATALOGUE_CREATED,
                at=at,
                object_type="partner",
                object_id=by.partner_id,
                object_label="",
                details={"SKUs": added},
            )
    return added


def fill(*, partner_id: uuid.UUID, at: datetime.datetime) -> int:
    """Insert what a partner's catalogue lacks, without a trace in the audit log: for migrations and the above."""
    rows = _rows()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO catalog_vendor (id, partner_id, code, name, created_at)
            SELECT r.id, %s, r.code, r.name, %s FROM unnest(%s::uuid[], %s::text[], %s::text[]) r(id, code, name)
            ON CONFLICT (partner_id, code) DO NOTHING
            """,
            [
                partner_id,
                at,
                [ids.new_id() for _vendor in VendorCode],
                list(VendorCode),
                [str(vendor.label) for vendor in VendorCode],
            ],
        )
        titles: dict[tuple[str, str], list[str]] = {}
        for row in rows:
            titles.setdefault((row["vendor"], row["product_id"]), []).append(row["sku"])
        by_key = {(row["vendor"], row["product_id"]): row for row in reversed(rows)}
        keys, products = list(by_key), list(by_key.values())
        cursor.execute(
            """
            INSERT INTO catalog_product (
                id, partner_id, vendor_id, external_id, title, publisher, description, category, shelf, sort_title,
                search_text, active, created_at, updated_at
            )
            SELECT r.id, %s, v.id, r.external_id, r.title, r.publisher, '', r.category, r.shelf, r.sort_title,
                r.search_text, true, %s, %s
            FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                    %s::text[])
                r(id, vendor, external_id, title, publisher, category, shelf, sort_title, search_text)
            JOIN catalog_vendor v ON v.partner_id = %s AND v.code = r.vendor
            ON CONFLICT (partner_id, vendor_id, external_id) DO NOTHING
            """,
            [
                partner_id,
                at,
                at,
                [ids.new_id() for _product in products],
                *([row[column] for row in products] for column in ("vendor", "product_id", "product", "publisher")),
                [row["category"] for row in products],
                [Shelf.AZURE_PLAN.value if row["usage"] else SHELF_OF[row["category"]] for row in products],
                [text.fold(row["product"]) for row in products],
                [
                    text.search_text(row["product"], row["publisher"], row["product_id"], *titles[key])
                    for key, row in zip(keys, products, strict=True)
                ],
                partner_id,
            ],
        )
        cursor.execute(
            """
            INSERT INTO catalog_sku (
                id, partner_id, product_id, external_id, title, sort_title, description, unit, minimum_quantity,
                maximum_quantity, is_trial, usage_based, active, created_at, updated_at
            )
            SELECT r.id, %s, p.id, r.external_id, r.title, r.sort_title, '', r.unit, r.minimum, r.maximum, r.trial,
                r.usage, true, %s, %s
            FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[],
                    %s::int[], %s::bool[], %s::bool[])
                r(id, vendor, product, external_id, title, sort_title, unit, minimum, maximum, trial, usage)
            JOIN catalog_vendor v ON v.partner_id = %s AND v.code = r.vendor
            JOIN catalog_product p ON p.partner_id = %s AND p.vendor_id = v.id AND p.external_id = r.product
            ON CONFLICT (partner_id, product_id, external_id) DO NOTHING
            """,
            [
                partner_id,
                at,
                at,
                [ids.new_id() for _sku in rows],
                *([row[column] for row in rows] for column in ("vendor", "product_id", "sku_id", "sku")),
                [text.fold(row["sku"]) for row in rows],
                [row["unit"] for row in rows],
                [int(row["minimum"]) for row in rows],
                [int(row["maximum"]) if row["maximum"] else None for row in rows],
                [row["trial"] == "yes" for row in rows],
                [row["usage"] == "yes" for row in rows],
                partner_id,
                partner_id,
            ],
        )
        added: int = cursor.rowcount
    return added


@functools.cache
def _rows() -> Sequence[dict[str, str]]:
    source = (resources.files("msphub.catalog") / "data" / "catalogue.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(source)))
