"""The embedded stack: NATS, Postgres, the vector engine and the six services, supervised by one command."""

__version__ = "0.1.0"
