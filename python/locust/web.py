"""There is no Flask application: `environment.web_ui` is None, as in Locust without its web page.

The names are here so that scripts which import them for headless runs, too, can be loaded.
"""

from ._missing import absent


class WebUI:
    """Cannot be made."""

    def __init__(self, *_args, **_kwargs):
        raise NotImplementedError(
            "cicada has no Flask web interface (environment.web_ui is None): use its own, --web"
        )


__getattr__ = absent(__name__, dict.fromkeys(
    ("DEFAULT_CACHE_TIME", "STATE_MISSING", "STATE_RUNNING", "app", "auth_credentials",
     "greenlet_exception_handler", "login_manager", "version"),
    "there is no Flask application"))
