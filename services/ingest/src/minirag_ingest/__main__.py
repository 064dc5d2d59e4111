"""``python -m minirag_ingest``: settings, bootstrap, run."""

from minirag_service import run

from minirag_ingest.bootstrap import assemble
from minirag_ingest.projections import PROJECTIONS
from minirag_ingest.settings import Settings

if __name__ == "__main__":
    run(Settings, assemble, PROJECTIONS)
