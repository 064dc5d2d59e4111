"""``python -m minirag_webhooks``: settings, bootstrap, run."""

from minirag_service import run

from minirag_webhooks.bootstrap import assemble
from minirag_webhooks.projections import PROJECTIONS
from minirag_webhooks.settings import Settings

if __name__ == "__main__":
    run(Settings, assemble, PROJECTIONS)
