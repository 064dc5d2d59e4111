"""Makes the server's streams and consumers what the contracts say. One job applies it; services bind and
check.
"""

from collections.abc import Sequence
from datetime import timedelta

import nats.errors
from minirag_contracts.topology import (
    CONSUMERS,
    STREAMS,
    TRANSFER_BUCKET,
    ConsumerSpec,
    StreamSpec,
    filter_subject,
)
from nats.js import api
from nats.js.errors import APIError, NotFoundError
from nats.js.manager import JetStreamManager

from minirag_messaging.connection import Connection

NAME_IN_USE = 10058
"""JetStream's error code: there is a stream of that name with another configuration."""

ACK_WAIT = timedelta(seconds=30)
"""The lease of a delivered event; runners renew it three times as often."""

REACTOR_PENDING = 2000
"""Events of one reactor that may be delivered and not yet done: also those that wait for another attempt."""

TRANSFER_TTL = timedelta(hours=1)
TRANSFER_BYTES = 1024**3
"""The transfer bucket: how long, and how much at a time. Beyond that, storing fails (discard new)."""


def stream_config(spec: StreamSpec, replicas: int) -> api.StreamConfig:
    """A window over the newest messages: the oldest go when it is full or they are old."""
    return api.StreamConfig(
        name=spec.name,
        subjects=list(spec.subjects),
        retention=api.RetentionPolicy.LIMITS,
        discard=api.DiscardPolicy.OLD,
        storage=api.StorageType.FILE,
        max_age=spec.max_age.total_seconds(),
        max_bytes=spec.max_bytes,
        num_replicas=replicas,
        allow_direct=True,
        max_msgs_per_subject=1 if spec.counter else -1,
        allow_msg_counter=spec.counter or None,
    )


def transfer_config(replicas: int) -> api.StreamConfig:
    """The stream of the object store (NATS ADR-20)."""
    return api.StreamConfig(
        name=f"OBJ_{TRANSFER_BUCKET}",
        subjects=[f"$O.{TRANSFER_BUCKET}.C.>", f"$O.{TRANSFER_BUCKET}.M.>"],
        retention=api.RetentionPolicy.LIMITS,
        discard=api.DiscardPolicy.NEW,
        storage=api.StorageType.FILE,
        max_age=TRANSFER_TTL.total_seconds(),
        max_bytes=TRANSFER_BYTES,
        num_replicas=replicas,
        allow_direct=True,
        allow_rollup_hdrs=True,
    )


def consumer_config(spec: ConsumerSpec, ack_wait: timedelta) -> api.ConsumerConfig:
    """Redelivers for ever (parking is ours); a projector gets one event at a time, over all processes."""
    return api.ConsumerConfig(
        durable_name=spec.durable,
        deliver_policy=api.DeliverPolicy.ALL,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=ack_wait.total_seconds(),
        max_deliver=-1,
        max_ack_pending=1 if spec.kind == "projector" else REACTOR_PENDING,
        filter_subjects=[filter_subject(pattern) for pattern in spec.patterns],
    )


async def apply(
    bus: Connection,
    *,
    replicas: int = 1,
    ack_wait: timedelta = ACK_WAIT,
    streams: Sequence[StreamSpec] = STREAMS,
    consumers: Sequence[ConsumerSpec] = CONSUMERS,
) -> None:
    """Creates what is missing and updates what differs; safe to repeat and to run while services work.

    Needs a credential for ``$JS.API.>``. Raises nats' APIError when the server refuses (for example when
    ``max_file_store`` is less than all ``max_bytes`` together).
    """
    manager = bus.client.jsm()
    for spec in streams:
        await _apply_stream(manager, stream_config(spec, replicas))
    await _apply_stream(manager, transfer_config(replicas))
    for consumer in consumers:
        await manager.add_consumer(consumer.stream, consumer_config(consumer, ack_wait))


async def _apply_stream(manager: JetStreamManager, config: api.StreamConfig) -> None:
    try:
        await manager.add_stream(config)
    except APIError as error:
        if error.err_code != NAME_IN_USE:
            raise
        if (await manager.stream_info(str(config.name))).config.storage == api.StorageType.MEMORY:
            await manager.delete_stream(
                str(config.name)
            )  # of an earlier version; what is in memory may be lost
            await manager.add_stream(config)
        else:
            await manager.update_stream(config)


async def check(
    bus: Connection,
    *,
    streams: Sequence[StreamSpec] = STREAMS,
    consumers: Sequence[ConsumerSpec] = CONSUMERS,
) -> list[str]:
    """What is missing or different, as sentences; empty when all is well. Needs only the right to ask for
    infos.
    """
    manager = bus.client.jsm()
    expected = {spec.name: set(spec.subjects) for spec in streams}
    expected[f"OBJ_{TRANSFER_BUCKET}"] = set(transfer_config(1).subjects or ())
    findings = [await _check_stream(manager, name, subjects) for name, subjects in expected.items()]
    findings += [await _check_consumer(manager, spec) for spec in consumers]
    return [finding for finding in findings if finding]


async def _check_stream(manager: JetStreamManager, name: str, subjects: set[str]) -> str:
    try:
        info = await manager.stream_info(name)
    except NotFoundError:
        return f"the stream {name} is missing"
    except (TimeoutError, APIError, nats.errors.Error) as error:
        return f"the stream {name} cannot be read: {type(error).__name__}"
    return "" if set(info.config.subjects or ()) == subjects else f"the stream {name} has other subjects"


async def _check_consumer(manager: JetStreamManager, spec: ConsumerSpec) -> str:
    name = f"{spec.durable} of {spec.stream}"
    try:
        info = await manager.consumer_info(spec.stream, spec.durable)
    except NotFoundError:
        return f"the consumer {name} is missing"
    except (TimeoutError, APIError, nats.errors.Error) as error:
        return f"the consumer {name} cannot be read: {type(error).__name__}"
    config = info.config
    filters = set(config.filter_subjects or ([config.filter_subject] if config.filter_subject else []))
    wanted = {filter_subject(pattern) for pattern in spec.patterns}
    return "" if filters == wanted else f"the consumer {name} has other filters"
