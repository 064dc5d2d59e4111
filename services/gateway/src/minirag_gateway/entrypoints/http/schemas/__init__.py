"""What clients send, per resource, and how it becomes a request to the owner."""
