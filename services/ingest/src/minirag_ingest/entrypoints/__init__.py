"""Where requests come in: decode, call one use case, encode."""
