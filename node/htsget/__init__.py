"""htsget 1.3.0: tickets for sequence files and slices of them (``specs/htsget.yaml``)."""
