"""Registration of what an archive already has: read, validate everything, then write in one transaction."""
