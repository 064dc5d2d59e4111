"""The gate of a program that is started before it may work: its standard input."""

import os


def wait_at_gate() -> None:
    """Return when the supervisor closes our standard input, which is at once where it opened none."""
    while os.read(0, 1):
        continue
