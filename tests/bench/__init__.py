"""Benchmarks: each prints its figures and asserts nothing. `python -m tests.bench [NAME...]` runs them."""
