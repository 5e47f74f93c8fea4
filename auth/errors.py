"""What can be wrong with a token, a capability or a command of the data access committee.

Messages name the check that failed and never carry a token, a key or a personal value.
"""

from __future__ import annotations


class AuthError(Exception):
    """Base of every exception of this package."""


class InvalidToken(AuthError):
    """A token that must not be believed (401): form, signature, type, issuer or time is wrong."""


class TokenTooLarge(InvalidToken):
    """A token or a set of tokens above the limit; refused before anything of it is read (413)."""


class IssuerUnavailable(AuthError):
    """Keys or claims of a trusted issuer cannot be had now (503); nothing is allowed on a guess."""


class InvalidCapability(AuthError):
    """A signed URL that this member did not sign, or that was changed (403)."""


class ExpiredCapability(InvalidCapability):
    """A signed URL whose time is over (403)."""


class NotFound(AuthError):
    """Absent, or not for this caller to see: the two look alike (404)."""


class Unauthenticated(AuthError):
    """The command needs a signed-in caller (401)."""


class Forbidden(AuthError):
    """The caller sees the thing but may not do this to it (403)."""


class Conflict(AuthError):
    """The command does not fit the present state (409)."""


class InvalidRequest(AuthError):
    """A value of the command is outside what is allowed (400)."""
