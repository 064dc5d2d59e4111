"""The ``$SRV`` side of a service (NATS ADR-32): ``nats micro ls``, ``info`` and ``stats`` show it.

Only the control subjects come from nats.micro. Its endpoints await one handler at a time, send
``repr(exception)`` to the caller and know no deadline, so requests are taken by ``RpcServer``.
"""

from datetime import UTC, datetime

from nats.aio.client import Client
from nats.micro.service import EndpointInfo, EndpointStats, Service, ServiceConfig, ServiceInfo, ServiceStats

API_VERSION = "1.0.0"
"""Shown by discovery; versions of messages are in the contracts."""


class EndpointCounter:
    """What one endpoint did since the start. Times are nanoseconds."""

    def __init__(self, name: str, subject: str) -> None:
        self.name = name
        self.subject = subject
        self.requests = 0
        self.errors = 0
        self.last_error = ""
        self.nanoseconds = 0

    def count(self, nanoseconds: int, error: str = "") -> None:
        """One request was answered; ``error`` is the code of a refusal."""
        self.requests += 1
        self.nanoseconds += nanoseconds
        if error:
            self.errors += 1
            self.last_error = error


class Discovery(Service):
    """Answers on ``$SRV.PING|INFO|STATS`` with the endpoints of an RpcServer."""

    def __init__(self, client: Client, service: str, counters: list[EndpointCounter]) -> None:
        super().__init__(client, ServiceConfig(name=service, version=API_VERSION, queue_group=service))
        self._counters = counters
        self._service = service
        self._since = datetime.now(UTC)

    def info(self) -> ServiceInfo:
        """The endpoints."""
        endpoints = [
            EndpointInfo(name=counter.name, subject=counter.subject, queue_group=self._service)
            for counter in self._counters
        ]
        return ServiceInfo(
            name=self._service, id=self.id, version=API_VERSION, description="", endpoints=endpoints
        )

    def stats(self) -> ServiceStats:
        """Their counters."""
        endpoints = [
            EndpointStats(
                name=counter.name,
                subject=counter.subject,
                queue_group=self._service,
                num_requests=counter.requests,
                num_errors=counter.errors,
                last_error=counter.last_error,
                processing_time=counter.nanoseconds,
                average_processing_time=counter.nanoseconds // max(1, counter.requests),
            )
            for counter in self._counters
        ]
        return ServiceStats(
            id=self.id, name=self._service, version=API_VERSION, started=self._since, endpoints=endpoints
        )
