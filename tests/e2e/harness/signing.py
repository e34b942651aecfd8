"""Signs GetCallerIdentity requests, written from the documentation and apart from plugin and fake cloud.

What is signed can be bent in every way, so that hostile requests have good signatures wherever they can.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fakecloud import Control

from .api import Api, Json

CENTRAL = "sts.aliyuncs.com"
_EMPTY = hashlib.sha256(b"").hexdigest()

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Key:
    """An access key, with its token if it is temporary."""

    id: str
    secret: str
    token: str | None = None
    #: Of the RAM role, if it is a session's.
    role_id: str = ""

    @staticmethod
    def of(found: Json) -> Key:
        """From an answer of the fake cloud's control API."""
        key = Key(found["access_key_id"], found["access_key_secret"], found.get("security_token"),
                  found.get("role_id", ""))
        Api.secrets.update(text for text in (key.secret, key.token) if text)
        return key


def session_key(control: Control, role_name: str = "vault-target", **more: Any) -> Key:
    """A key of a session of a RAM role, as an instance has it."""
    return Key.of(control.session(role_name=role_name, **more))


@dataclass
class Signed:
    """A signed request in the hands of a client that does not send it."""

    url: str
    headers: dict[str, Any] = field(default_factory=dict)
    method: str = "POST"

    def payload(self, role: str, **more: Any) -> Json:
        """What is written to `login`, in the spelling of Vault's own clients."""
        body = {"role": role, "identity_request_url": b64(self.url),
                "identity_request_headers": b64(json.dumps(self.headers))}
        Api.secrets.update(body[name] for name in ("identity_request_url", "identity_request_headers"))
        if self.method != "POST":
            body["identity_request_method"] = self.method
        return {**body, **more}


def b64(text: str | bytes) -> str:
    """Base64 in the standard alphabet, padded."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def encode(text: str) -> str:
    """RFC 3986 on the UTF-8 bytes."""
    return quote(text, safe="-_.~")


def query_of(pairs: Iterable[tuple[str, str]]) -> str:
    """A query in the order given."""
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in pairs)


def timestamp(offset: float = 0) -> str:
    """Now, or so many seconds later."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + offset))


def v1(key: Key, host: str = CENTRAL, *, method: str = "POST", at: float = 0, drop: Iterable[str] = (),
       **changes: str) -> Signed:
    """A V1 request. `changes` are parameters that are added or replaced before signing, `drop` those left out."""
    parameters = {
        "AccessKeyId": key.id, "Action": "GetCallerIdentity", "Format": "JSON", "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": str(uuid.uuid4()), "SignatureVersion": "1.0", "Timestamp": timestamp(at),
        "Version": "2015-04-01", **({"SecurityToken": key.token} if key.token else {}), **changes}
    for name in drop:
        del parameters[name]
    text = f"{method}&%2F&{encode(query_of(sorted(parameters.items())))}"
    mac = hmac.new(f"{key.secret}&".encode(), text.encode(), hashlib.sha1).digest()
    parameters["Signature"] = b64(mac)
    Api.secrets.add(parameters["Signature"])
    return Signed(f"https://{host}/?{query_of(parameters.items())}", {}, method)


def v3(key: Key, host: str = CENTRAL, *, method: str = "POST", at: float = 0, drop: Iterable[str] = (),
       unsigned: Iterable[str] = (), query: dict[str, str] | None = None,
       headers: dict[str, str] | None = None) -> Signed:
    """A V3 request. `headers` are added or replaced before signing, `drop` are left out, `unsigned` not signed."""
    sent = {
        "accept": "application/json", "host": host, "x-acs-action": "GetCallerIdentity",
        "x-acs-content-sha256": _EMPTY, "x-acs-date": timestamp(at), "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-acs-version": "2015-04-01", **({"x-acs-security-token": key.token} if key.token else {}),
        **(headers or {})}
    for name in drop:
        del sent[name]
    # As the SDKs: what the client accepts is not signed unless a test says so.
    names = sorted(name for name in sent if name not in ({"accept"} - set(headers or {})) | set(unsigned))
    text = query_of(sorted((query or {}).items()))
    canonical = "\n".join([method, "/", text, "".join(f"{name}:{sent[name].strip()}\n" for name in names),
                           ";".join(names), _EMPTY])
    to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(key.secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    Api.secrets.add(signature)
    sent["Authorization"] = (f"ACS3-HMAC-SHA256 Credential={key.id},SignedHeaders={';'.join(names)},"
                             f"Signature={signature}")
    return Signed(f"https://{host}/" + (f"?{text}" if text else ""), sent, method)
