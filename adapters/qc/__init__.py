"""Checks of sequence files: what is wrong with a file, where, and how often; nothing here knows of HTTP."""
