"""LiteLLM in a process of its own: ``worker`` is that process (and the only importer of litellm), ``client`` talks to it."""
