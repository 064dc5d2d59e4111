"""What every generated request is changed by before schemathesis sends it."""

import re
from typing import Any
from uuid import uuid4

import schemathesis

KEY = "Idempotency-Key"

schemathesis.serializer.alias(
    "application/offset+octet-stream", "application/octet-stream"
)  # bytes, as tus calls them

VALID = re.compile(r"[!-~]{1,200}")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """In a sequence of requests each valid key is one of its own.

    A key that is used again rightly gets the first answer, also when what was made has been deleted since.
    """
    if case.meta is None or case.meta.phase.name.value != "stateful":
        return
    key = (case.headers or {}).get(KEY)
    if isinstance(key, str) and VALID.fullmatch(key):
        case.headers[KEY] = f"{key}{uuid4().hex}"
