"""Open Badges 3.0 credentials: written, signed, drawn, baked and verified.

Nothing here knows of the site or of a database; only `resolution` asks the network.
"""

from web.credentials.baking import SVG_LIMIT, bake, read_badge
from web.credentials.claims import Claims, LabClaim, read_claims
from web.credentials.document import (
    Achievement,
    Alignment,
    Credential,
    GradedLab,
    Issuer,
    Recipient,
    Settled,
)
from web.credentials.keys import IssuerKey, ensure_issuer_key, read_public_key
from web.credentials.moments import timestamp
from web.credentials.picture import Face, draw, face_of
from web.credentials.resolution import fetching_lists, resolving
from web.credentials.status import BITS
from web.credentials.token import Token, read_token
from web.credentials.trust import PinnedDocument, PinnedKey, Trust
from web.credentials.verdict import Fault, Problem, Refused, Status, Verdict
from web.credentials.verification import verify_badge

__all__ = [
    "BITS",
    "SVG_LIMIT",
    "Achievement",
    "Alignment",
    "Claims",
    "Credential",
    "Face",
    "Fault",
    "GradedLab",
    "Issuer",
    "IssuerKey",
    "LabClaim",
    "PinnedDocument",
    "PinnedKey",
    "Problem",
    "Recipient",
    "Refused",
    "Settled",
    "Status",
    "Token",
    "Trust",
    "Verdict",
    "bake",
    "draw",
    "ensure_issuer_key",
    "face_of",
    "fetching_lists",
    "read_badge",
    "read_claims",
    "read_public_key",
    "read_token",
    "resolving",
    "timestamp",
    "verify_badge",
]
