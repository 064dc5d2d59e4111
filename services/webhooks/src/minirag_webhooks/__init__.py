"""Endpoints and signed deliveries."""
