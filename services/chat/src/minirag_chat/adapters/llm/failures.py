"""What went wrong at a provider, as one of our codes. By class name, so that nothing here needs the library itself."""

import re

CODES: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"AuthenticationError", "PermissionDeniedError"}), "llm_authentication_failed"),
    (frozenset({"RateLimitError", "PaymentRequiredError", "BudgetExceededError"}), "llm_rate_limited"),
    (frozenset({"Timeout", "APITimeoutError", "TimeoutError"}), "llm_timeout"),
    (frozenset({"ContextWindowExceededError"}), "llm_context_exceeded"),
    (frozenset({"BadRequestError", "NotFoundError", "UnprocessableEntityError"}), "llm_request_refused"),
)
"""Class names (the error's own or a base's) → code, the most telling first."""

LOST = "llm_interrupted"
AWAY = "llm_unavailable"
_CONTEXT = re.compile(r"context[ _](length|window)|maximum context|too many tokens", re.IGNORECASE)


def code_of(error: BaseException, *, began: bool) -> str:
    """The code for an error; ``began`` tells that a part of the answer had come, so that it broke off."""
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, BaseException):  # LiteLLM's wrapper around what broke a running stream
        return code_of(cause, began=began)
    names = {base.__name__ for base in type(error).__mro__}
    for classes, code in CODES:
        if names & classes:
            if code == "llm_request_refused" and _CONTEXT.search(str(error)):
                return "llm_context_exceeded"
            return code
    return LOST if began else AWAY
