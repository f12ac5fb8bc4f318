from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class KitConfig(AppConfig):
    name = "msphub.kit"

    def ready(self) -> None:
        """Load every domain's permissions, so that roles are complete before the first request."""
        autodiscover_modules("permissions")
