"""The door to the world: REST, authentication, tenant scope and server-sent events."""
