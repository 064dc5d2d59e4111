"""Where requests, events and due work come in: decode, call one use case, encode."""
