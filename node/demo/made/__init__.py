"""The made holdings: people, sequences, tables and images made by code."""
