"""Exceptions that scripts raise and catch."""


class LocustError(Exception):
    """Something was used in a way that cannot work."""


class ResponseError(Exception):
    """Kept for scripts that import it; nothing here raises it."""


class CatchResponseError(Exception):
    """The failure made of a text given to response.failure()."""


class MissingWaitTimeError(LocustError):
    """Neither the task set nor its user says how long to wait."""


class InterruptTaskSet(Exception):
    """Leaves the current TaskSet. `reschedule`: the parent picks its next task without waiting."""

    def __init__(self, reschedule=True):
        super().__init__(reschedule)
        self.reschedule = reschedule


class StopUser(Exception):
    """Ends the user that raises it, after its on_stop methods."""


class RescheduleTask(Exception):
    """Ends the current task, as a return would: the user waits, then picks the next."""


class RescheduleTaskImmediately(Exception):
    """Ends the current task; the next one is picked without waiting."""


class RPCError(Exception):
    """Kept for scripts that import it: messages here travel over cicada's own channel."""


class RPCSendError(RPCError):
    """A message could not be sent."""


class RPCReceiveError(RPCError):
    """A message could not be read. `addr`: who sent it."""

    def __init__(self, *args, addr=None):
        super().__init__(*args)
        self.addr = addr


class AuthCredentialsError(ValueError):
    """Kept for scripts that import it: it belongs to the web interface."""


class RunnerAlreadyExistsError(Exception):
    """An Environment has one runner for its whole life."""

