"""What the command tells a person, as one sentence and without a traceback."""

from minirag_admin.errors import StackError

__all__ = ["NotRunning", "StackError", "UnhealthyError"]


class NotRunning(StackError):
    """No stack runs on this data folder."""


class UnhealthyError(Exception):
    """A probe's finding: the process does not answer, or says that it cannot work."""
