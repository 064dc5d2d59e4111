"""NATS behind one door: publish, consume, request, reply, frames, transfer. Nothing else imports ``nats``."""

from nats.errors import Error as BusError

from minirag_messaging.bus import Bus
from minirag_messaging.connection import ConnectionLost
from minirag_messaging.consumers import ConsumerRunner, NotYet
from minirag_messaging.errors import RpcTimeout
from minirag_messaging.frames import FrameStream
from minirag_messaging.objects import ObjectMissing
from minirag_messaging.publisher import EventPublisher, StreamTail, TailMoved
from minirag_messaging.rpc_server import RpcServer

__all__ = [
    "Bus",
    "BusError",
    "ConnectionLost",
    "ConsumerRunner",
    "EventPublisher",
    "FrameStream",
    "NotYet",
    "ObjectMissing",
    "RpcServer",
    "RpcTimeout",
    "StreamTail",
    "TailMoved",
]
