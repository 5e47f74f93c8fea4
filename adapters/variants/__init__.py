"""Variants of the member's people: ingest of VCF/BCF into the catalog database, and exact questions over it.

Coordinates are 0-based and half-open everywhere here; only :mod:`adapters.variants.vcf` sees 1-based positions.
"""
