"""``python -m minirag_analytics``: settings, bootstrap, run."""

from minirag_service import run

from minirag_analytics.bootstrap import assemble
from minirag_analytics.projections import PROJECTIONS
from minirag_analytics.settings import Settings

if __name__ == "__main__":
    run(Settings, assemble, PROJECTIONS)
