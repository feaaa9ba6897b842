#!/usr/bin/env python3
"""The table of locust_cases.py on cicada: locustfiles behave as under Locust."""

import harness
from locust_runner import CICADA
from locust_table import add_tests

if __name__ == "__main__":
    add_tests(CICADA)
    harness.main(jobs=3)
