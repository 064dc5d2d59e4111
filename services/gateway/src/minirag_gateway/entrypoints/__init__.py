"""How the world comes in: decode, call one use case, encode."""
