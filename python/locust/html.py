"""Not part of cicada: importing this says so."""

from ._missing import refuse

refuse(__name__, "there is no report of Locust's kind; --json FILE and --csv have its figures")
