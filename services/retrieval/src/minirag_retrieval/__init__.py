"""Embeddings, the vector index and search."""
