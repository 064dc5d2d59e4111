"""Bots, chats and turns: pure deciders, no I/O, no clock, no randomness."""
