"""Tests mirror the packages; tests/contract holds the standards, tests/interop the real clients."""
