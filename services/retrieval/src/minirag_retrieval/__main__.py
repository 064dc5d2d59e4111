"""``python -m minirag_retrieval``: settings, bootstrap, run."""

from minirag_service import run

from minirag_retrieval.bootstrap import assemble
from minirag_retrieval.projections import PROJECTIONS
from minirag_retrieval.settings import Settings

if __name__ == "__main__":
    run(Settings, assemble, PROJECTIONS)
