"""When a disk is nearly full, as all who watch it see it: ingest refuses new sources, gateway and supervisor say so."""

LOW_DISK = 1024**3
"""Bytes of free disk below which nothing new is ingested."""
