"""A member's pages: sign in through the broker, ask for access, decide as a committee."""
