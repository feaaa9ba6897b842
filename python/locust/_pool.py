"""The users that run in this process: starting them, and the ways they are stopped."""

import logging
import os

import gevent
from gevent import getcurrent
from gevent.pool import Group

from .user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING

logger = logging.getLogger("locust.runners")

NEWS_S = 5  # so long on_stop methods run before it is said that they are waited for
OWN_FOLDERS = (os.path.dirname(os.path.abspath(__file__)), os.path.dirname(gevent.__file__))


class UserGreenlet(gevent.Greenlet):
    """Remembers nothing of who spawned it: that takes half a kilobyte a user."""

    __slots__ = ()
    spawning_stack_limit = 0


class _UserGroup(Group):
    greenlet_class = UserGreenlet


class UserPool:
    """`greenlets` holds every user that is alive; `by_class` those that nobody asked to stop."""

    def __init__(self, on_change):
        """`on_change(count)` is called whenever a user has begun or ended."""
        self.greenlets = _UserGroup()
        self.by_class = {}  # {class name: {id: user}}, oldest first
        self._on_change = on_change

    def __len__(self):
        return len(self.greenlets)

    def count(self, name):
        return len(self.by_class.get(name, ()))

    def start(self, user_class, environment):
        """Make one user and start it. What its constructor raises goes to the caller."""
        user = user_class(environment)
        user.start(self.greenlets)
        self.by_class.setdefault(user_class.__name__, {})[id(user)] = user
        self._on_change(len(self.greenlets))
        return user

    def ended(self, user):
        """Called in the user's greenlet when its run() is over."""
        self._forget(user)
        self._on_change(len(self.greenlets) - (user.greenlet in self.greenlets))

    def take(self, name, count):
        """The `count` users of a class that came last; from now on they count as stopping."""
        users = self.by_class.get(name, {})
        return [users.popitem()[1] for _ in range(min(count, len(users)))]

    def take_all(self):
        """All users that are alive, those that are stopping already among them."""
        self.by_class = {}
        return [each.args[0] for each in self.greenlets if each.args]

    def holds_current(self):
        """Does one of the users run this very code?"""
        return getcurrent() in self.greenlets

    def stop(self, users, timeout, before_kill=None, patience=None):
        """Stop `users` and wait until they have ended, their on_stop methods included.

        With a timeout (s) those in the middle of a task may end it. Who takes longer is killed, and
        so is, at once, who waits or has not begun. With a patience (s) on_stop methods that take
        longer are cut short. Not to be called by a user.
        """
        busy = [user for user in users if timeout and _finishes_its_task(user)]
        if busy:
            chosen = {id(user) for user in busy}
            self._kill(user for user in users if id(user) not in chosen)
            gevent.joinall([user.greenlet for user in busy], timeout=timeout)
            users = [user for user in users if not user.greenlet.ready()]
            if users:
                logger.info("Not all users finished their tasks & terminated in %g seconds. "
                            "Stopping them...", timeout)
        if before_kill is not None:
            before_kill()
        self._kill(users)
        self._wait_for_on_stop(users, patience)
        for user in users:
            self._forget(user)  # who never began does not say that it ended
        self._on_change(len(self.greenlets))

    def _wait_for_on_stop(self, users, patience):
        greenlets = [user.greenlet for user in users]
        if patience is None:
            gevent.joinall(greenlets)
            return
        gevent.joinall(greenlets, timeout=min(NEWS_S, patience))
        left = [each for each in greenlets if not each.ready()]
        if left:
            logger.info("Waiting for the on_stop methods of %d users, as at %s", len(left),
                        place_of(left[0]))
            gevent.joinall(left, timeout=max(0, patience - NEWS_S))
        left = [each for each in left if not each.ready()]
        if left:
            logger.warning("The on_stop methods of %d users take more than %g seconds, as at %s: "
                           "they are cut short", len(left), patience, place_of(left[0]))
            gevent.killall(left, timeout=1)
            gevent.sleep(0)  # the group hears of it one turn later

    def _kill(self, users):
        for user in users:
            self.greenlets.killone(user.greenlet, block=False)

    def _forget(self, user):
        self.by_class.get(type(user).__name__, {}).pop(id(user), None)


def place_of(greenlet):
    """file:line (function) of the script's code in which a greenlet waits."""
    frame = innermost = greenlet.gr_frame
    while frame is not None and frame.f_code.co_filename.startswith(OWN_FOLDERS):
        frame = frame.f_back
    frame = frame or innermost
    if frame is None:
        return "an unknown place"
    return f"{frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})"


def _finishes_its_task(user):
    """Asks a user to end after its current task; False if it is in none."""
    if user._state == LOCUST_STATE_RUNNING:
        user._state = LOCUST_STATE_STOPPING
    return user._state == LOCUST_STATE_STOPPING
