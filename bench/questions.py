"""The file of questions about a manual, as data."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Question(BaseModel):
    """One question, the page that answers it, and the passage of that page which does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page: str
    title: str
    question: str
    answer: str


class Questions(BaseModel):
    """The questions in the order of the draw; `manual` says which pages they were drawn from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    manual: str
    seed: int
    count: int
    questions: tuple[Question, ...]


def read_questions(path: Path) -> Questions:
    """Read and validate the file."""
    return Questions.model_validate_json(path.read_bytes())
