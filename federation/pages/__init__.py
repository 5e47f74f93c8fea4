"""The front page of the family: what the members hold, and one question over all of them."""

from federation.pages.front import FrontPage

__all__ = ["FrontPage"]
