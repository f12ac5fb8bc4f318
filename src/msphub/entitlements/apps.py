from django.apps import AppConfig


class EntitlementsConfig(AppConfig):
    name = "msphub.entitlements"
