"""What the command tells a person, as one sentence and without a traceback."""


class StackError(Exception):
    """The stack cannot do what was asked; the message says why and what to do about it."""


class NotRunning(StackError):
    """No stack runs on this data folder."""


class UnhealthyError(Exception):
    """A probe's finding: the process does not answer, or says that it cannot work."""
