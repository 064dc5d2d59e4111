"""How a running service is looked at: its operations port, its metrics, its traces."""
