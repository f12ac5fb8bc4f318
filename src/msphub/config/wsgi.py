"""What granian serves. Importing it refuses an unsafe environment."""

import os

from django.core.wsgi import get_wsgi_application

from msphub.config.env import environment

environment().require_safe()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "msphub.config.settings")
application = get_wsgi_application()
