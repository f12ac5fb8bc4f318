from django.utils.translation import gettext_lazy as _

from msphub.audit.events import declare

CATALOGUE_CREATED = declare("catalogue.created", _("filled the catalogue"))
DISCOUNT_CREATED = declare("discount.created", _("created the discount"))
DISCOUNT_CLONED = declare("discount.cloned", _("cloned another discount into"))
DISCOUNT_RENAMED = declare("discount.renamed", _("renamed the discount"))
DISCOUNT_DELETED = declare("discount.deleted", _("deleted the discount"))
VERSION_CREATED = declare("discount.version_created", _("created a version of the discount"))
VERSION_CHANGED = declare("discount.version_changed", _("changed a coming version of the discount"))
VERSION_WITHDRAWN = declare("discount.version_withdrawn", _("withdrew a coming version of the discount"))
SYNC_STARTED = declare("catalogue.sync_started", _("started the sync of prices for"))
SYNC_DONE = declare("catalogue.synced", _("synced products and prices for"))
SYNC_FAILED = declare("catalogue.sync_failed", _("could not sync prices for"))
PRODUCT_CREATED = declare("product.created", _("created the product"))
PRODUCT_CHANGED = declare("product.changed", _("changed the product"))
PRICES_CHANGED = declare("product.prices_changed", _("changed prices of"))
PRICES_IMPORTED = declare("catalogue.imported", _("imported products and prices"))
