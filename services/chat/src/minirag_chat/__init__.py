"""Bots, turns and language models."""
