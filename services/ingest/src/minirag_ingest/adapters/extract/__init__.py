"""Bytes → Document, one format per file. Runs in the worker child process; only plain text is read in the service itself."""
