"""Images on their way into the archive: taken into quarantine, de-identified, checked, archived, looked at."""
