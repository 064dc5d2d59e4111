"""``python -m minirag_chat``: settings, bootstrap, run."""

from minirag_service import run

from minirag_chat.bootstrap import assemble
from minirag_chat.projections import PROJECTIONS
from minirag_chat.settings import Settings

if __name__ == "__main__":
    run(Settings, assemble, projections=PROJECTIONS)
