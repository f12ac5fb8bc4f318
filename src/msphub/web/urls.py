"""The addresses of the portal, each with the permission it needs."""

from django.urls import include, path

from msphub.accounts import permissions as accounts
from msphub.catalog import permissions as catalog
from msphub.customers import permissions as customers_permissions
from msphub.entitlements import permissions as entitlements
from msphub.notifications import permissions as notifications
from msphub.orders import permissions as ordering
from msphub.web import (
    account_add,
    audit_log,
    billing_profiles,
    cart,
    catalogue,
    credit_terms,
    csp_accounts,
    customer_types,
    customers,
    details,
    discount_edit,
    discounts,
    entrance,
    health,
    mail,
    marketplace,
    metrics,
    microsoft,
    order_page,
    orders,
    own_products,
    price_changes,
    products,
    profile,
    purchase,
    subscriptions,
    tasks,
    type_edit,
    users,
    wizard,
)
from msphub.web.routes import PUBLIC, SIGNED_IN, page

C = customers_permissions
DRAFT = "customers/new/<uuid:draft_id>"
CUSTOMER = "customers/<uuid:customer_id>"
PRODUCT = "marketplace/<uuid:product_id>"
OWN = "marketplace/catalogue/products"
CHANGES = "marketplace/catalogue/changes"
CHANGE = f"{CHANGES}/<uuid:price_id>/<slug:kind>"
USER = f"{CUSTOMER}/users/<uuid:user_id>"
DISCOUNT = "discounts/<uuid:discount_id>"
VERSION = f"{DISCOUNT}/versions/<uuid:version_id>"
TYPE = "customer-types/<uuid:type_id>"
TERM = "credit-terms/<uuid:term_id>"
ORDER = "orders/<uuid:order_id>"
ITEM = f"{ORDER}/items/<uuid:item_id>"
LINE = f"{CUSTOMER}/cart/lines/<uuid:line_id>"
ACCOUNT = "csp-accounts/<uuid:account_id>"

_PROFILE = "billing-profiles/<uuid:profile_id>/"
_SUBSCRIPTION = "subscriptions/<uuid:subscription_id>"
_MANAGE = accounts.MANAGE_SUBSCRIPTIONS
_VIEW = accounts.VIEW_SUBSCRIPTIONS
# The partner's own, and a customer's: the same pages, at two places.
billing_pages = [
    page("account/billing-profiles/", billing_profiles.profiles, permission=_VIEW, name="billing_profiles"),
    page(
        "account/billing-profiles/export.<str:kind>",
        billing_profiles.export,
        permission=_VIEW,
        name="billing_profiles_export",
    ),
    page(
        f"{CUSTOMER}/billing-profiles/", details.billing_profiles_of, permission=_VIEW, name="customer_billing_profiles"
    ),
    page(
        f"{CUSTOMER}/billing-profiles/export.<str:kind>",
        billing_profiles.export,
        permission=_VIEW,
        name="customer_billing_profiles_export",
    ),
    page("account/subscriptions/", subscriptions.subscriptions, permission=_VIEW, name="subscriptions"),
    page(
        "account/subscriptions/export.<str:kind>", subscriptions.export, permission=_VIEW, name="subscriptions_export"
    ),
    page(
        f"{CUSTOMER}/subscriptions/export.<str:kind>",
        subscriptions.export,
        permission=_VIEW,
        name="customer_subscriptions_export",
    ),
    *(
        page(f"{place}/{path}", view, permission=_MANAGE, name=prefix + name)
        for place, prefix in (("account", ""), (CUSTOMER, "customer_"))
        for path, view, name in (
            ("billing-profiles/new/", billing_profiles.create, "billing_profile_new"),
            (_PROFILE, billing_profiles.edit, "billing_profile"),
            ("subscriptions/new/", subscriptions.create, "subscription_new"),
            (f"{_SUBSCRIPTION}/", subscriptions.edit, "subscription"),
            (f"{_SUBSCRIPTION}/status/", subscriptions.status, "subscription_status"),
        )
    ),
]
market_pages = [
    page("marketplace/", marketplace.marketplace, permission=catalog.VIEW_MARKETPLACE, name="marketplace"),
    page("marketplace/for/", purchase.purchase_for, permission=catalog.PURCHASE, name="purchase_for"),
    page(f"{PRODUCT}/", marketplace.product, permission=catalog.VIEW_MARKETPLACE, name="product"),
    page(f"{PRODUCT}/favourite/", marketplace.favourite, permission=catalog.VIEW_MARKETPLACE, name="favourite"),
    page(f"{PRODUCT}/add/", marketplace.add, permission=catalog.PURCHASE, name="product_add"),
    page(f"{CUSTOMER}/purchase/", purchase.purchase, permission=catalog.VIEW_MARKETPLACE, name="purchase"),
    page(f"{CUSTOMER}/purchase/start/", purchase.start, permission=catalog.VIEW_MARKETPLACE, name="purchase_start"),
    page("marketplace/catalogue/", catalogue.syncs, permission=catalog.VIEW_CATALOGUE, name="catalogue"),
    page("marketplace/catalogue/sync/", catalogue.sync_now, permission=catalog.MANAGE_CATALOGUE, name="catalogue_sync"),
    page(
        "marketplace/catalogue/sync/<uuid:sync_id>/",
        catalogue.refusals,
        permission=catalog.VIEW_CATALOGUE,
        name="catalogue_refusals",
    ),
    page(f"{CHANGES}/", price_changes.changes, permission=catalog.VIEW_CATALOGUE, name="price_changes"),
    page(
        f"{CHANGES}/export.<str:form>",
        price_changes.export,
        permission=catalog.VIEW_CATALOGUE,
        name="price_changes_export",
    ),
    page(f"{CHANGE}/", price_changes.change, permission=catalog.VIEW_CATALOGUE, name="price_change"),
    page(
        f"{CHANGE}/export.<str:form>",
        price_changes.export_one,
        permission=catalog.VIEW_CATALOGUE,
        name="price_change_export",
    ),
    page(f"{OWN}/", own_products.products, permission=catalog.VIEW_CATALOGUE, name="own_products"),
    page(f"{OWN}/new/", own_products.new, permission=catalog.MANAGE_CATALOGUE, name="own_product_new"),
    page(f"{OWN}/import/", own_products.import_file, permission=catalog.MANAGE_CATALOGUE, name="own_products_import"),
    page(f"{OWN}/products.csv", own_products.example, permission=catalog.MANAGE_CATALOGUE, name="own_products_example"),
    page(f"{OWN}/<uuid:sku_id>/", own_products.edit, permission=catalog.MANAGE_CATALOGUE, name="own_product"),
    page(
        f"{OWN}/<uuid:sku_id>/<slug:verb>/",
        own_products.set_active,
        permission=catalog.MANAGE_CATALOGUE,
        name="own_product_active",
    ),
]
urlpatterns = [
    page("healthz", health.healthz, permission=PUBLIC, name="healthz"),
    page("readyz", health.readyz, permission=PUBLIC, name="readyz"),
    # Public as far as sign-in goes: it wants a token of its own.
    page("metrics", metrics.metrics, permission=PUBLIC, name="metrics"),
    page("", entrance.home, permission=SIGNED_IN, name="home"),
    page("welcome/<str:secret>/", entrance.welcome, permission=PUBLIC, name="welcome"),
    page("accounts/password/forgotten/", entrance.password_forgotten, permission=PUBLIC, name="password_forgotten"),
    # Pages of the sign-in library that this product has in its own way, or not at all.
    page("accounts/password/reset/", entrance.not_here, permission=PUBLIC, name="account_reset_password"),
    page("accounts/signup/", entrance.not_here, permission=PUBLIC, name="account_signup"),
    page("accounts/email/", entrance.not_here, permission=PUBLIC, name="account_email"),
    path("accounts/", include("msphub.web.sign_in_urls")),
    *billing_pages,
    *market_pages,
    page("customers/", customers.customers, permission=C.LIST, name="customers"),
    page("customers/export.<str:kind>", customers.export, permission=C.LIST, name="customers_export"),
    page("customers/bulk/export/", customers.bulk_export, permission=C.LIST, name="customers_bulk_export"),
    page(
        "customers/bulk/<slug:verb>/",
        customers.bulk_status,
        permission=C.CHANGE_STATUS,
        name="customers_bulk_status",
    ),
    page("customers/new/", wizard.start, permission=C.CREATE, name="customer_new"),
    page(f"{DRAFT}/domain/", wizard.check_domain, permission=C.CREATE, name="customer_new_domain"),
    page(f"{DRAFT}/duplicates/", wizard.check_duplicates, permission=C.CREATE, name="customer_new_duplicates"),
    page(f"{DRAFT}/discard/", wizard.discard, permission=C.CREATE, name="customer_new_discard"),
    page(f"{DRAFT}/<slug:step>/", wizard.step, permission=C.CREATE, name="customer_new_step"),
    page(f"{DRAFT}/<slug:step>/refresh/", wizard.refresh, permission=C.CREATE, name="customer_new_refresh"),
    page(f"{DRAFT}/<slug:step>/save/", wizard.autosave, permission=C.CREATE, name="customer_new_autosave"),
    page(f"{CUSTOMER}/", details.overview, permission=C.VIEW, name="customer_overview"),
    page(f"{CUSTOMER}/archive/", customers.archive, permission=C.CHANGE_STATUS, name="customer_archive"),
    page(
        f"{CUSTOMER}/status/<slug:verb>/", customers.change_status, permission=C.CHANGE_STATUS, name="customer_status"
    ),
    page(f"{CUSTOMER}/profile/modify/", profile.modify, permission=C.EDIT, name="customer_modify"),
    page(
        f"{CUSTOMER}/profile/allow-purchase/",
        details.allow_purchase,
        permission=C.EDIT_TERMS,
        name="customer_allow_purchase",
    ),
    page(
        f"{CUSTOMER}/csp-accounts/add/",
        account_add.add,
        permission=C.MANAGE_ACCOUNTS,
        name="csp_account_add",
    ),
    page(f"{CUSTOMER}/users/invite/", users.invite, permission=accounts.MANAGE_USERS, name="customer_user_invite"),
    page(f"{USER}/link/", users.resend_link, permission=accounts.MANAGE_USERS, name="customer_user_link"),
    page(f"{USER}/disable/", users.disable, permission=accounts.MANAGE_USERS, name="customer_user_disable"),
    page(f"{USER}/enable/", users.enable, permission=accounts.MANAGE_USERS, name="customer_user_enable"),
    page(f"{CUSTOMER}/cart/", cart.cart, permission=catalog.PURCHASE, name="cart"),
    page(f"{CUSTOMER}/cart/review/", cart.review, permission=catalog.PURCHASE, name="order_review"),
    page(f"{LINE}/", cart.change, permission=catalog.PURCHASE, name="cart_line"),
    page(f"{LINE}/remove/", cart.remove, permission=catalog.PURCHASE, name="cart_line_remove"),
    page(
        f"{CUSTOMER}/orders/export.<str:kind>", orders.export, permission=ordering.VIEW, name="customer_orders_export"
    ),
    page(
        f"{CUSTOMER}/products/export.<str:kind>",
        products.export,
        permission=entitlements.VIEW,
        name="customer_products_export",
    ),
    page(
        f"{CUSTOMER}/products/<uuid:product_id>/",
        products.product,
        permission=entitlements.VIEW,
        name="purchased_product",
    ),
    page(f"{CUSTOMER}/<slug:tab>/", details.customer, permission=C.VIEW, name="customer"),
    page(f"{ACCOUNT}/progress/", csp_accounts.progress, permission=C.VIEW, name="csp_account_progress"),
    page(f"{ACCOUNT}/retry/", csp_accounts.retry, permission=C.MANAGE_ACCOUNTS, name="csp_account_retry"),
    page(f"{ACCOUNT}/consent/", csp_accounts.consent_again, permission=C.MANAGE_ACCOUNTS, name="csp_account_consent"),
    page(f"{ACCOUNT}/correct/", csp_accounts.correct, permission=C.MANAGE_ACCOUNTS, name="csp_account_correct"),
    page(f"{ACCOUNT}/agreement/", csp_accounts.agreement, permission=C.MANAGE_ACCOUNTS, name="csp_account_agreement"),
    page(
        f"{ACCOUNT}/first-password/",
        csp_accounts.first_password,
        permission=C.MANAGE_ACCOUNTS,
        name="csp_account_password",
    ),
    page("orders/", orders.orders, permission=ordering.VIEW, name="orders"),
    page("orders/export.<str:kind>", orders.export, permission=ordering.VIEW, name="orders_export"),
    page(f"{ORDER}/", order_page.order, permission=ordering.VIEW, name="order"),
    page(f"{ORDER}/progress/", order_page.progress, permission=ordering.VIEW, name="order_progress"),
    page(f"{ORDER}/cancel/", order_page.cancel, permission=ordering.MANAGE, name="order_cancel"),
    page(f"{ORDER}/retry/", order_page.retry, permission=ordering.MANAGE, name="order_retry"),
    page(f"{ITEM}/retry/", order_page.retry, permission=ordering.MANAGE, name="order_item_retry"),
    page(f"{ITEM}/drop/", order_page.drop, permission=ordering.MANAGE, name="order_item_drop"),
    page("tasks/", tasks.tasks, permission=ordering.VIEW_TASKS, name="tasks"),
    page("tasks/<uuid:task_id>/complete/", tasks.complete, permission=ordering.COMPLETE_TASKS, name="task_complete"),
    page("discounts/", discounts.discounts, permission=catalog.VIEW_DISCOUNTS, name="discounts"),
    page(
        "discounts/export.<str:kind>", discounts.export_list, permission=catalog.VIEW_DISCOUNTS, name="discounts_export"
    ),
    page("discounts/new/", discount_edit.create, permission=catalog.MANAGE_DISCOUNTS, name="discount_new"),
    page("discounts/form/", discount_edit.refresh, permission=catalog.MANAGE_DISCOUNTS, name="discount_form"),
    page(f"{DISCOUNT}/", discounts.discount, permission=catalog.VIEW_DISCOUNTS, name="discount"),
    page(f"{DISCOUNT}/clone/", discount_edit.clone, permission=catalog.MANAGE_DISCOUNTS, name="discount_clone"),
    page(f"{DISCOUNT}/rename/", discounts.rename, permission=catalog.MANAGE_DISCOUNTS, name="discount_rename"),
    page(f"{DISCOUNT}/delete/", discounts.delete, permission=catalog.MANAGE_DISCOUNTS, name="discount_delete"),
    page(f"{DISCOUNT}/form/", discount_edit.refresh, permission=catalog.MANAGE_DISCOUNTS, name="discount_version_form"),
    page(
        f"{DISCOUNT}/versions/new/",
        discount_edit.new_version,
        permission=catalog.MANAGE_DISCOUNTS,
        name="discount_version_new",
    ),
    page(
        f"{VERSION}/change/",
        discount_edit.change_version,
        permission=catalog.MANAGE_DISCOUNTS,
        name="discount_version_change",
    ),
    page(
        f"{VERSION}/withdraw/",
        discounts.withdraw,
        permission=catalog.MANAGE_DISCOUNTS,
        name="discount_version_withdraw",
    ),
    page(f"{VERSION}/rates.csv", discounts.export, permission=catalog.VIEW_DISCOUNTS, name="discount_version_export"),
    page("customer-types/", customer_types.grid, permission=C.VIEW_TERMS, name="customer_types"),
    page(
        "customer-types/export.<str:kind>",
        customer_types.export,
        permission=C.VIEW_TERMS,
        name="customer_types_export",
    ),
    page("customer-types/new/", type_edit.create, permission=C.MANAGE_TERMS, name="customer_type_new"),
    page(f"{TYPE}/", customer_types.overview, permission=C.VIEW_TERMS, name="customer_type"),
    page(f"{TYPE}/edit/", type_edit.edit, permission=C.MANAGE_TERMS, name="customer_type_edit"),
    page(f"{TYPE}/<slug:verb>/", customer_types.switch, permission=C.MANAGE_TERMS, name="customer_type_switch"),
    page("credit-terms/", credit_terms.grid, permission=C.VIEW_TERMS, name="credit_terms"),
    page("credit-terms/export.<str:kind>", credit_terms.export, permission=C.VIEW_TERMS, name="credit_terms_export"),
    page("credit-terms/new/", credit_terms.create, permission=C.MANAGE_TERMS, name="credit_term_new"),
    page("credit-terms/currency/", credit_terms.currency, permission=C.MANAGE_TERMS, name="credit_term_currency"),
    page(f"{TERM}/", credit_terms.overview, permission=C.VIEW_TERMS, name="credit_term"),
    page(f"{TERM}/edit/", credit_terms.edit, permission=C.MANAGE_TERMS, name="credit_term_edit"),
    page(f"{TERM}/delete/", credit_terms.delete, permission=C.MANAGE_TERMS, name="credit_term_delete"),
    page("audit/", audit_log.audit_logs, permission=accounts.VIEW_AUDIT, name="audit"),
    page("audit/export.csv", audit_log.export, permission=accounts.VIEW_AUDIT, name="audit_export"),
    page("mail/", mail.mails, permission=notifications.VIEW_MAIL, name="mails"),
    page("mail/<uuid:mail_id>/", mail.mail, permission=notifications.VIEW_MAIL, name="mail"),
    page("mail/<uuid:mail_id>/resend/", mail.resend, permission=notifications.RESEND_MAIL, name="mail_resend"),
    page("account/microsoft/", microsoft.connection, permission=accounts.VIEW_MICROSOFT, name="microsoft_connection"),
    page("account/microsoft/test/", microsoft.test, permission=accounts.MANAGE_MICROSOFT, name="microsoft_test"),
]
