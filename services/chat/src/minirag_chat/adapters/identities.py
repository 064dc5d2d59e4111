"""What a site says of its visitor: a JWT that it signs with the secret it shares with the bot."""

import time
from datetime import timedelta

import jwt

from minirag_chat.domain.text import storable
from minirag_chat.errors import InvalidIdentity, InvalidText

ALGORITHM = "HS256"
"""The only one: a token does not choose how it is checked."""

LIFETIME = timedelta(hours=24)
"""The longest that a site may vouch for somebody with one token."""

LEEWAY = timedelta(seconds=30)
"""By how much a site's clock may be wrong."""

SUBJECT_MAX = 200
TOKEN_MAX = 8192


class JwtIdentities:
    """Checks signature, expiry and name. ``aud`` and ``iss`` are the site's own affair: the secret is for us alone."""

    def subject(self, token: str, secret: str) -> str:
        """See the port. Each refusal says what a site's developer has to mend."""
        if len(token) > TOKEN_MAX:
            raise InvalidIdentity(f"The identity is longer than {TOKEN_MAX} characters.")
        try:
            claims = jwt.decode(
                token,
                secret,
                algorithms=[ALGORITHM],
                options={"require": ["exp", "sub"], "verify_aud": False},
                leeway=LEEWAY,
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidIdentity("The identity has expired.") from error
        except jwt.MissingRequiredClaimError as error:
            raise InvalidIdentity(f"The identity lacks the claim {error.claim}.") from error
        except jwt.InvalidAlgorithmError as error:
            raise InvalidIdentity(f"The identity must be signed with {ALGORITHM}.") from error
        except jwt.InvalidTokenError as error:
            raise InvalidIdentity from error
        if claims["exp"] > time.time() + (LIFETIME + LEEWAY).total_seconds():
            raise InvalidIdentity("The identity must expire within 24 hours.")
        return _named(claims["sub"])


def _named(subject: str) -> str:
    if not 1 <= len(subject) <= SUBJECT_MAX:
        raise InvalidIdentity(f"The claim sub must have 1 to {SUBJECT_MAX} characters.")
    try:
        return storable(subject, "The claim sub")
    except InvalidText as error:
        raise InvalidIdentity(error.detail) from error
