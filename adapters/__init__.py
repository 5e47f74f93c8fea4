"""The outside world without HTTP: store, catalog, read and variant indexes, registration."""
