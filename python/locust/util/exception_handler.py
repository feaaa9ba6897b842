"""A decorator for functions that may fail at first."""

import functools
import logging
import time

logger = logging.getLogger(__name__)


def retry(delays=(1, 3, 5), exception=Exception):
    """Call again after each of `delays` (s); the last failure goes to the caller."""

    def decorate(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            for tries, delay in enumerate(delays, 1):
                try:
                    return function(*args, **kwargs)
                except exception as error:
                    logger.info("try %d failed, the next comes in %d s: %s", tries, delay, error)
                    time.sleep(delay)
            return function(*args, **kwargs)

        return call

    return decorate
