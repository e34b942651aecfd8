"""The two request signatures, V1 (RPC, HMAC-SHA1) and V3 (ACS3-HMAC-SHA256).

Pure functions of the request, written from the documentation. They share no code with any client,
so a client that agrees with them agrees with a second reading of the specification.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from collections.abc import Iterable, Mapping
from urllib.parse import quote

ALGORITHM_V3 = "ACS3-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def percent_encode(text: str) -> str:
    """RFC 3986 on the UTF-8 bytes: only letters, digits and `-_.~` stay."""
    return quote(text, safe="-_.~", errors="surrogateescape")


def canonical_query(params: Mapping[str, str]) -> str:
    """Sorted by raw name, both sides encoded, empty values kept as `name=`."""
    return "&".join(f"{percent_encode(name)}={percent_encode(params[name])}"
                    for name in sorted(params))


# === V1 ===

def v1_string_to_sign(method: str, params: Mapping[str, str]) -> str:
    """What a V1 client signs; `params` are the decoded query and form body together."""
    signed = {name: value for name, value in params.items() if name != "Signature"}
    return f"{method.upper()}&%2F&{percent_encode(canonical_query(signed))}"


def v1_signature(secret: str, method: str, params: Mapping[str, str]) -> str:
    """The base64 signature; the key always ends in `&`."""
    text = v1_string_to_sign(method, params).encode()
    return base64.b64encode(hmac.new(f"{secret}&".encode(), text, hashlib.sha1).digest()).decode()


# === V3 ===

@dataclass(frozen=True)
class Authorization:
    """The three fields of a V3 `Authorization` header."""

    access_key_id: str
    signed_headers: tuple[str, ...]
    signature: str


_FIELD = re.compile(r"\s*([A-Za-z]+)=([^,]*?)\s*$")


def parse_authorization(value: str) -> Authorization | None:
    """Reads the header in any field order; None when it is not a complete V3 header."""
    algorithm, _, rest = value.partition(" ")
    if algorithm != ALGORITHM_V3:
        return None
    fields: dict[str, str] = {}
    for part in rest.split(","):
        match = _FIELD.match(part)
        if match is None or match[1] in fields:
            return None
        fields[match[1]] = match[2]
    if set(fields) != {"Credential", "SignedHeaders", "Signature"} or not all(fields.values()):
        return None
    return Authorization(fields["Credential"], tuple(fields["SignedHeaders"].split(";")),
                         fields["Signature"])


def v3_canonical_request(method: str, path: str, query: Mapping[str, str],
                         headers: Iterable[tuple[str, str]], signed_headers: Iterable[str],
                         body: bytes) -> str:
    """The canonical request over exactly the headers named in `signed_headers`.

    A named header that is missing from the request is left out of the block, so that its signature
    cannot match a client's which had it.
    """
    names = sorted(name.lower() for name in signed_headers)
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(value.strip())
    lines = "".join(f"{name}:{','.join(sorted(values[name]))}\n" for name in names
                    if name in values)
    return "\n".join((method.upper(), path, canonical_query(query), lines, ";".join(names),
                      hashlib.sha256(body).hexdigest()))


def v3_string_to_sign(canonical_request: str) -> str:
    """Algorithm and hash of the canonical request."""
    digest = hashlib.sha256(canonical_request.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{ALGORITHM_V3}\n{digest}"


def v3_signature(secret: str, canonical_request: str) -> str:
    """Lower-case hex; the key is the bare secret."""
    text = v3_string_to_sign(canonical_request).encode()
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
