"""Django's settings, derived from `env.py` alone. What may differ between installations is there, not here."""

from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.utils.csp import CSP
from django.utils.translation import gettext_lazy as _

from msphub.config import database, logs
from msphub.config.env import Mode, environment

ENV = environment()
PACKAGE = Path(__file__).resolve().parent.parent

DEMO = ENV.msphub_mode is Mode.DEMO
TEST = ENV.msphub_mode is Mode.TEST
DEBUG = False

# A process that faces people calls `Environment.require_safe()` first (wsgi.py, cli.py); tools such as mypy need none.
SECRET_KEY = ENV.msphub_secret_key or "not-set-and-refused-at-start"
ENCRYPTION_KEYS = [key.strip() for key in ENV.msphub_encryption_keys.split(",") if key.strip()]
BASE_URL = ENV.msphub_base_url.rstrip("/")
ALLOWED_HOSTS = [ENV.base_host, *(host.strip() for host in ENV.msphub_allowed_hosts.split(",") if host.strip())]
if not ENV.is_https:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [BASE_URL]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",  # used by the sign-in library's pages of passkeys
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "procrastinate.contrib.django",
    "msphub.kit",
    "msphub.ui",
    "msphub.audit",
    "msphub.accounts",
    "msphub.catalog",
    "msphub.customers",
    "msphub.entitlements",
    "msphub.orders",
    "msphub.notifications",
    "msphub.web",
    "allauth",
    "allauth.account",
    "allauth.mfa",
]

MIDDLEWARE = [
    "msphub.web.metrics.MetricsMiddleware",
    "msphub.web.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "msphub.web.middleware.ActorMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "msphub.config.urls"
WSGI_APPLICATION = "msphub.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csrf",
                "django.contrib.messages.context_processors.messages",
                "msphub.web.frame.context",
            ],
            "builtins": [
                "msphub.ui.templatetags.ui",
                "django.templatetags.i18n",
                "django.templatetags.static",
            ],
        },
    }
]
FORM_RENDERER = "msphub.ui.forms.Renderer"

DATABASES: dict[str, dict[str, Any]] = {
    "default": database.django_database(url=ENV.database_url, pool_size=ENV.database_pool_size)
}
# The application's role may add rows to these and read them, nothing else (config/roles.py).
APPEND_ONLY_TABLES = ["audit_entry", "audit_seal", "audit_sealedentry", "audit_verification"]
# Columns that hold what kit/vault.py encrypted: `msphub rotate-keys` renews them, `msphub restore` tries to open them.
ENCRYPTED_COLUMNS = {
    "accounts_microsoftconnection": ["client_secret", "refresh_token"],
    "customers_cspaccount": ["first_credentials"],
    "notifications_mail": ["secret_link"],
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    # Rate limits of sign-in are counted here; a cache per process would multiply them by the number of workers.
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "django_cache"}
}

AUTH_USER_MODEL = "accounts.Login"
AUTHENTICATION_BACKENDS = ["msphub.accounts.sessions.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
PASSWORD_FORGOTTEN_URL = "password_forgotten"  # noqa: S105 - a name of an address

ACCOUNT_ADAPTER = "msphub.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "10/m/ip,5/5m/key"}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "MSP Hub"

SESSION_ENGINE = "msphub.accounts.sessions"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "msphub_session"
CSRF_COOKIE_NAME = "msphub_csrf"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV.is_https
SECURE_SSL_REDIRECT = ENV.is_https
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if ENV.is_https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = ENV.is_https
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
TRUST_PROXY = ENV.msphub_trust_proxy
if TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    "manifest-src": [CSP.SELF],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [PACKAGE / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = ENV.msphub_static_dir
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        # The live server of the tests serves from finders, which know no hashed names (stack.md §7).
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TEST
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

MAIL_FROM = ENV.msphub_mail_from
SMTP_URL = ENV.msphub_smtp_url
DEFAULT_FROM_EMAIL = parseaddr(MAIL_FROM)[1] or "no-reply@localhost"
MICROSOFT_TIMEOUT_SECONDS = ENV.msphub_microsoft_timeout_seconds
MICROSOFT_HOSTS = frozenset(host.strip().lower() for host in ENV.msphub_microsoft_hosts.split(",") if host.strip())
# The emulator runs on this machine. In production a partner could reach what listens here only.
MICROSOFT_ON_THIS_MACHINE = DEMO or TEST
METRICS_TOKEN = ENV.msphub_metrics_token
CLOCK_URL = ENV.msphub_clock_url
# In the demo there is no mailbox: the page of a mail is where its recipient reads it, links included.
SHOW_SECRET_LINKS = DEMO or TEST

_smtp = urlsplit(SMTP_URL)
MAILERS = {
    "default": {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": _smtp.hostname or "localhost",
            "port": _smtp.port or 25,
            "username": unquote(_smtp.username or ""),
            "password": unquote(_smtp.password or ""),
            "use_tls": _smtp.scheme == "smtp+starttls",
            "use_ssl": _smtp.scheme == "smtps",
            "timeout": 15,
        },
    }
}

LOGGING_CONFIG = None
logs.configure(level=ENV.msphub_log_level, as_json=ENV.msphub_log_format == "json")
