"""A decorator that keeps a function's last result for a while."""

import functools
import time


def memoize(timeout, dynamic_timeout=False):
    """Call the function again only when its result is older than `timeout` seconds.

    The arguments do not matter. `dynamic_timeout`: a call that takes longer than the timeout
    doubles it. The decorated function has clear_cache().
    """

    def decorate(function):
        kept = []  # [(when, result)], or nothing
        limit = timeout

        @functools.wraps(function)
        def call(*args, **kwargs):
            nonlocal limit
            begin = time.time()
            if not kept or begin - kept[0][0] > limit:
                result = function(*args, **kwargs)
                kept[:] = [(time.time(), result)]
                if dynamic_timeout and kept[0][0] - begin > limit:
                    limit *= 2
            return kept[0][1]

        call.clear_cache = kept.clear
        return call

    return decorate
