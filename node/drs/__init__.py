"""DRS 1.5.0: files, bundles and manifests by stable id (``specs/drs.yaml``)."""
