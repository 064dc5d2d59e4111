"""NATS' own rule of which subjects a filter or a permission covers."""


def matches(subject: str, allowed: str) -> bool:
    """``*`` is one token, ``>`` is one or more at the end. A wildcard in ``subject`` is a token like any other."""
    tokens, wanted = subject.split("."), allowed.split(".")
    for index, part in enumerate(wanted):
        if part == ">":
            return len(tokens) > index
        if index >= len(tokens) or part not in ("*", tokens[index]):
            return False
    return len(tokens) == len(wanted)
