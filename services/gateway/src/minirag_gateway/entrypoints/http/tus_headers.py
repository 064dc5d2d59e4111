"""What tus 1.0.0 wants on every answer of its paths, refusals included."""

from http import HTTPStatus

PATH = "/v1/uploads"

VERSION = "1.0.0"


def of_refusal(path: str, status: int) -> dict[str, str]:
    """The headers of a refusal; none for other paths."""
    if path != PATH and not path.startswith(f"{PATH}/"):
        return {}
    versions = {"Tus-Version": VERSION} if status == HTTPStatus.PRECONDITION_FAILED else {}
    return {"Tus-Resumable": VERSION, **versions}
