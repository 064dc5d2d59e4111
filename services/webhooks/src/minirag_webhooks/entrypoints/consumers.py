"""Events of other services, and deliveries that are due."""

from collections.abc import Callable
from datetime import timedelta

from minirag_eventstore import RetryPolicy, WorkRunner
from minirag_service import Runtime

from minirag_webhooks.commands.deliver import DeliverNotice
from minirag_webhooks.ports import WORK_KIND, DeliveryRows, EndpointRows
from minirag_webhooks.reactions import ScheduleDeliveries

LEASE = timedelta(seconds=30)
"""Longer than one call may take, so that a short stall of the process does not lead to a second call."""


def run_deliveries(
    runtime: Runtime, notice: DeliverNotice, *, concurrency: int, delays: tuple[timedelta, ...]
) -> WorkRunner:
    """Runs the work of kind ``delivery``."""
    return runtime.work(
        WorkRunner(
            runtime.store,
            WORK_KIND,
            notice.deliver,
            concurrency=concurrency,
            lease=LEASE,
            retry=RetryPolicy(delays),
            on_parked=notice.give_up,
        )
    )


def register(
    runtime: Runtime, endpoints: EndpointRows, deliveries: DeliveryRows, wake: Callable[[], None]
) -> None:
    """Binds the reactors ``ingestions`` and ``answers``."""
    schedule = ScheduleDeliveries(endpoints, deliveries, wake)
    runtime.react("ingestions", schedule)
    runtime.react("answers", schedule)
