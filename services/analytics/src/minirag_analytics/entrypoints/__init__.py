"""Where requests come in: decode, call one use case, encode. Events come in through the projections."""
