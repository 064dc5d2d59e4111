"""The use cases that change something: stage, activate, collect, restore."""
