"""Requests for access and their committees over HTTP (``specs/dac.yaml``)."""
