"""Which class the next user is of: the same order in every process and as the controller's.

Classes with a fixed_count come first, then the others for ever; within each, smooth weighted round
robin over the classes sorted by name: of A (weight 5) and B (weight 1) it makes A A A B A A, over
and over.
"""

from collections import Counter

from ._missing import absent


def smooth(weights):
    """Yield the keys of {key: weight}, each in proportion to its weight and evenly spread."""
    credit = dict.fromkeys(weights, 0)
    total = sum(weights.values())
    while weights:
        for key, weight in weights.items():
            credit[key] += weight
        chosen = max(credit, key=credit.get)  # the first of equals
        credit[chosen] -= total
        yield chosen


def class_sequence(user_classes):
    """Yield the names of the classes of user 1, 2, 3, …; ends if only fixed ones are there."""
    ordered = sorted(user_classes, key=lambda each: each.__name__)
    left = {each.__name__: each.fixed_count for each in ordered if each.fixed_count}
    weights = dict(left)
    for name in smooth(weights):
        if not any(left.values()):
            break
        if left[name]:
            left[name] -= 1
            yield name
    yield from smooth({each.__name__: each.weight for each in ordered if not each.fixed_count})


def class_counts(user_classes, user_count):
    """{class name: how many of the first `user_count` users are of it}, with all classes."""
    counts = Counter({each.__name__: 0 for each in user_classes})
    for _, name in zip(range(user_count), class_sequence(user_classes)):
        counts[name] += 1
    return dict(counts)


__getattr__ = absent(__name__, {"UsersDispatcher": "cicada spreads the users itself"})
