"""The gateway and the member's side of the join."""
