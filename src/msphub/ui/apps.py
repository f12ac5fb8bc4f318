"""Django's entry to this room."""

from django.apps import AppConfig


class UiConfig(AppConfig):
    """Templates, static files and template tags; no tables."""

    name = "msphub.ui"
    label = "ui"
