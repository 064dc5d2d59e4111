"""Endpoints and deliveries: pure decisions, no I/O, no clock, no randomness."""
