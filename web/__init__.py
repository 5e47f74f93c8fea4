"""The chassis every process stands on."""
