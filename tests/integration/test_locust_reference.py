#!/usr/bin/env python3
"""The table of locust_cases.py on real Locust: so that the table itself is proven."""

import harness
from locust_runner import LOCUST, real_locust_version, skip
from locust_table import add_tests

PROVEN_VERSION = "2.12."

if __name__ == "__main__":
    version = real_locust_version()
    if not version or not version.startswith(PROVEN_VERSION):
        skip(f"the table is for Debian's locust {PROVEN_VERSION}, here is {version or 'none'}")
    add_tests(LOCUST)
    harness.main(jobs=3)
