"""Not part of cicada: importing this says so."""

from ._missing import refuse

refuse(__name__, "a run is not steered by keys; use environment.runner")
