"""Not part of cicada: importing this says so."""

from .._missing import refuse

refuse(__name__, "processes talk over cicada's own channel")
