"""Not part of cicada: importing this says so."""

from .._missing import refuse

refuse(__name__, "it is for names that Locust gave up with its version 1.0")
