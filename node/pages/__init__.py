"""A member's public pages: what it holds, and where access is asked for."""
