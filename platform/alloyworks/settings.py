"""Django's settings, derived from `alloyworks.config`. Nothing else reads the environment."""

from typing import Any
from urllib.parse import unquote, urlsplit

from alloyworks import forgiving
from alloyworks.config import config
from alloyworks.observability import logs

SECRET_KEY = config.secret_key.get_secret_value()
DEBUG = config.debug
ALLOWED_HOSTS = config.allowed_hosts.split(",")
HTTPS = config.public_url.startswith("https://")
CSRF_TRUSTED_ORIGINS = [config.public_url]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "django_htmx",
    "alloyworks.accounts",
    "alloyworks.catalog",
    "alloyworks.jobs",
    "alloyworks.serving",
    "alloyworks.usage",
    "alloyworks.storage",
    "alloyworks.webhooks",
    "alloyworks.observability",
    "alloyworks.api",
    "alloyworks.web",
]

MIDDLEWARE = [
    "alloyworks.health.Probes",
    "alloyworks.observability.requests.Requests",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "alloyworks.web.middleware.ContentSecurityPolicy",
    "alloyworks.api.problems.ProblemShape",
    "alloyworks.web.middleware.ProblemPages",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "alloyworks.accounts.middleware.SessionsSeen",
    "alloyworks.accounts.middleware.TenantMiddleware",
    "alloyworks.api.idempotency.Idempotency",
]

ROOT_URLCONF = "alloyworks.urls"
ASGI_APPLICATION = "alloyworks.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [config.frontend_dir / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "alloyworks.web.context.shell",
            ]
        },
    }
]


POOL = config.max_requests + 8  # a connection for each request in flight, and for streams


def database(url: str) -> dict[str, Any]:
    """Django's form of a postgresql:// URL. Connections are pooled and hold no session state."""
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or 5432),
        "OPTIONS": {"pool": {"min_size": 1, "max_size": POOL, "timeout": 10}},
    }


DATABASES = {"default": database(config.database_url)}
if config.database_owner_url:
    DATABASES["owner"] = {**database(config.database_owner_url), "OPTIONS": {}}
DATABASE_ROUTERS: list[str] = []
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_ADAPTER = "alloyworks.accounts.adapters.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = config.email_verification
ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 1
ACCOUNT_EMAIL_NOTIFICATIONS = True  # of changes to the account, to its owner
ACCOUNT_CHANGE_EMAIL = True  # one address a person; a new one counts once it is confirmed
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "20/m/ip,5/5m/key",
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,5/h/key",
    "reset_password_from_key": "20/m/ip",
    "reauthenticate": "10/m/user",
    "change_password": "5/m/user",
    "manage_email": "10/m/user",
    "confirm_email": "1/m/key",
}
PASSWORD_RESET_TIMEOUT = 3600  # seconds
ACCOUNT_FORMS = {
    "signup": "alloyworks.accounts.forms.SignUpForm",
    "add_email": "alloyworks.accounts.forms.ChangeAddressForm",
}
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
MFA_ADAPTER = "alloyworks.accounts.adapters.SecondFactors"
MFA_FORMS = {"add_webauthn": "alloyworks.accounts.forms.AddPasskeyForm"}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # a deployment may have no mail
MFA_TOTP_TOLERANCE = 1  # periods of 30 seconds that a clock may be wrong
SOCIALACCOUNT_ADAPTER = "alloyworks.accounts.sso.SingleSignOn"
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": []}}
if config.oidc_issuer:
    _provider = {
        "provider_id": "sso",
        "name": config.oidc_name,
        "client_id": config.oidc_client_id,
        "secret": config.oidc_client_secret.get_secret_value(),
        "settings": {"server_url": config.oidc_issuer},
    }
    SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"] = [_provider]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"  # with "no-referrer" browsers send the Origin "null"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024**2

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
if config.email_dir:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = config.email_dir
_smtp = urlsplit(config.email_url)
EMAIL_HOST, EMAIL_PORT = _smtp.hostname or "localhost", _smtp.port or 25
EMAIL_TIMEOUT = 10  # seconds
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _smtp.username or "", _smtp.password or ""
DEFAULT_FROM_EMAIL = "Alloyworks <no-reply@localhost>"

CACHES = {
    "default": {
        "BACKEND": "alloyworks.forgiving.ForgivingCache",
        "LOCATION": config.redis_url,
        "OPTIONS": forgiving.OPTIONS,
    }
}
STATIC_URL = "/static/"
STATIC_ROOT = config.state_dir / "static"
STATICFILES_DIRS = [config.frontend_dir / "dist"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/assets/.+-[\w-]{8}\.\w+$"  # Vite's hashed names
LOGGING = logs.configuration(config.log_format)
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False
