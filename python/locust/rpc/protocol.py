"""Message, under the name that Locust's own modules have for it."""

from . import Message  # noqa: F401
