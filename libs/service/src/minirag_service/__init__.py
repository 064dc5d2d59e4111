"""What every service is made of."""

from minirag_service.running import run
from minirag_service.runtime import Runtime
from minirag_service.settings import ServiceSettings

__all__ = ["Runtime", "ServiceSettings", "run"]
