"""Parts of every runner: following a shape, and messages between the processes of a test."""

import logging
import traceback

import gevent

from . import log
from .rpc import Message

logger = logging.getLogger("locust.runners")


class ShapeSteering:
    """Needs of its runner: environment, spawn(), start(), quit(), shape_greenlet and -_last_tick."""

    def start_shape(self):
        """Let environment.shape_class decide how many users there are."""
        if self.shape_greenlet:
            logger.info("There is an ongoing shape test running. Editing is disabled")
            return
        logger.info("Shape test starting.")
        self.environment.shape_class.reset_time()
        self.shape_greenlet = self.spawn(self.shape_worker)

    def shape_worker(self):
        """Ask tick() once a second. None ends the run, and so does an answer that is none."""
        while True:
            try:
                goes_on = self._follow(self.environment.shape_class.tick())
            except Exception:
                log.unhandled_greenlet_exception = True
                logger.critical("tick() of the shape failed:\n%s", traceback.format_exc())
                goes_on = False
            if not goes_on:
                logger.info("Shape test stopping")
                self.shape_greenlet = None
                self.shape_last_tick = None
                self.quit()
                return
            gevent.sleep(1)

    def _follow(self, tick):
        """Ask for the users of an answer of tick(); False when that is None."""
        if tick is None:
            return False
        if tick != self.shape_last_tick:
            users, rate, *classes = tick
            users, rate = int(users), float(rate)
            if not rate > 0:
                raise ValueError(f"the spawn rate of a shape is a number above 0, not {rate:g}")
            logger.info("Shape test updating to %d users at %.2f spawn rate", users, rate)
            self.start(users, rate, user_classes=classes[0] if classes else None)
            self.shape_last_tick = tick
        return True


class Messaging:
    """Needs of its runner: environment, spawn(), custom_messages."""

    def register_message(self, msg_type, listener, concurrent=False):
        """Call listener(environment=, msg=) for each message of this type.

        Messages are taken one after the other; `concurrent`: this one in a greenlet of its own.
        """
        self.custom_messages[msg_type] = (listener, concurrent)

    def send_message(self, msg_type, data=None, client_id=None):
        raise NotImplementedError

    def receive(self, msg_type, data, node_id):
        """Give a message that came in to its listener."""
        if msg_type not in self.custom_messages:
            logger.warning("Unknown message type received: %s", msg_type)
            return
        listener, concurrent = self.custom_messages[msg_type]
        message = Message(msg_type, data, node_id)
        if concurrent:
            self.spawn(lambda: listener(environment=self.environment, msg=message))
            return
        try:
            listener(environment=self.environment, msg=message)
        except Exception:
            log.unhandled_greenlet_exception = True
            logger.error("Uncaught exception in the listener of %s messages:\n%s",
                         msg_type, traceback.format_exc())
