"""What the job queue needs once Django is ready."""

from procrastinate import App


def on_app_ready(app: App) -> None:
    """Load every module that declares jobs; `import_paths` of Procrastinate's own finder needs files named tasks.py."""
    app.perform_import_paths()
