"""A member of the family as a web application, and the command line."""
