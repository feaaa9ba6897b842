"""The version of Locust's interface that this package follows (not cicada's own version)."""

version = "2.46.0"
__version__ = version
