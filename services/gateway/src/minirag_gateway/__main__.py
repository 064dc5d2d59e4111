"""``python -m minirag_gateway``."""

from minirag_service import run

from minirag_gateway.bootstrap import assemble
from minirag_gateway.projections import PROJECTIONS
from minirag_gateway.settings import Settings

if __name__ == "__main__":
    run(Settings, assemble, projections=PROJECTIONS)
