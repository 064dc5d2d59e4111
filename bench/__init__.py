"""Benchmarks of the whole product, through HTTP, each beside a yardstick of the same run."""
