"""Events of other services, and deliveries that are due."""

from datetime import timedelta

from minirag_eventstore import RetryPolicy, WorkRunner
from minirag_service import Runtime

from minirag_webhooks.commands.deliver import WORK_KIND, DeliverNotice
from minirag_webhooks.ports import DeliveryRows, EndpointRows
from minirag_webhooks.reactions import ScheduleDeliveries

LEASE = timedelta(seconds=30)
"""Longer than one call may take, so that a short stall of the process does not lead to a second call."""


def register(
    runtime: Runtime,
    endpoints: EndpointRows,
    deliveries: DeliveryRows,
    notice: DeliverNotice,
    *,
    concurrency: int,
    delays: tuple[timedelta, ...],
) -> None:
    """Binds the reactors ``ingestions`` and ``answers``, and runs the work of kind ``delivery``."""
    runner = runtime.work(
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
    schedule = ScheduleDeliveries(endpoints, deliveries, runner.wake)
    runtime.react("ingestions", schedule)
    runtime.react("answers", schedule)
