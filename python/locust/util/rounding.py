def proper_round(val, digits=0):
    """Round halves up."""
    return round(val + 10 ** (-len(str(val)) - 1), digits)
