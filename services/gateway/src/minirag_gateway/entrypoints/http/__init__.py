"""REST over HTTP, one file per resource."""
