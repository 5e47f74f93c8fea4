"""Benchmarks, each beside its peer or a physical limit."""
