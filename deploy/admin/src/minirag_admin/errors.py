"""What a command tells a person, as one sentence and without a traceback."""


class StackError(Exception):
    """What was asked cannot be done; the message says why and what to do about it."""
