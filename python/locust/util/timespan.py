"""Time spans as on the command line."""

import re


def parse_timespan(time_str):
    """Seconds in 20, 20s, 3m, 2h, 1h20m, 3h30m10s."""
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", time_str or "")
    if not match or not any(match.groups()):
        raise ValueError(f"{time_str!r} is no time span like 20, 20s, 3m, 2h, 1h20m, 3h30m10s")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds
