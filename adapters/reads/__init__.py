"""Slices of sequence files: from an index to the byte ranges of a valid, smaller file. Nothing here knows HTTP."""
