"""Sources, documents, extraction and chunking."""
