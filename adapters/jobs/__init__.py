"""Heavy work on what was submitted: queued, done in child processes with limits, and never lost."""
