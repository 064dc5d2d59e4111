"""How requests reach the use cases."""
