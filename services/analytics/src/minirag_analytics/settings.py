"""What the analytics service is told by its environment."""

from typing import ClassVar

from minirag_service import ServiceSettings


class Settings(ServiceSettings):
    """Settings of analytics: only those that every service has."""

    service: ClassVar[str] = "analytics"
