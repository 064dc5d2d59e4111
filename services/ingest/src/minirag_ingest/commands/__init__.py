"""What can be done: sources made, and made into versions that answer."""
