"""Qdrant Edge in a process of its own, because every one of its calls holds the interpreter lock.

``python -m minirag_retrieval.engine --socket PATH --data DIR``. It knows points, tenants and generations, and
nothing of documents: its folder can be lost at any time and is then filled again from retrieval's Postgres.
"""
