"""Loading a script, under the names that Locust has for it."""

from cicada import script
from locust.shape import LoadTestShape
from locust.user.users import User


def is_user_class(item):
    """A User that users can be made of."""
    return script.is_user_class(item, User)


def is_shape_class(item):
    """A LoadTestShape of the script's own."""
    return script.is_shape_class(item, LoadTestShape)


def load_locustfile(path):
    """({name: User class}, [shape instances]) of the script at `path`."""
    users, shape = script.find_classes([script.load(path)], User, LoadTestShape)
    return users, [shape()] if shape else []
