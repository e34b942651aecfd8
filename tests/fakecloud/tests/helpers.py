"""A small client for the tests: real TLS through the proxy, either signature."""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import time
import uuid
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from fakecloud import FakeCloud, signature
from fakecloud.clock import iso

RAM, STS = "ram.aliyuncs.com", "sts.cn-hangzhou.aliyuncs.com"
RAM_VERSION, STS_VERSION = "2015-05-01", "2015-04-01"
DOCUMENT = json.dumps({"Version": "1", "Statement": [
    {"Effect": "Allow", "Action": ["oss:Get*"], "Resource": ["*"]}]})


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        super().__init__(f"{status} {body[:300]!r}")
        self.status = status
        self.headers = headers
        self.raw = body
        try:
            self.body = json.loads(body)
        except ValueError:
            self.body = {}
        self.code = self.body.get("Code")


class Client:
    """Keeps one connection per host."""

    def __init__(self, fake: FakeCloud, key_id: str, secret: str, token: str | None = None,
                 style: str = "v3", address: str = "127.0.0.1") -> None:
        self.address = address
        self.fake, self.key_id, self.secret, self.token = fake, key_id, secret, token
        self.style = style
        self._connections: dict[str, http.client.HTTPSConnection] = {}

    def ram(self, action: str, **params: Any) -> Any:
        """A RAM call."""
        return self.call(RAM, action, RAM_VERSION, params)

    def sts(self, action: str, **params: Any) -> Any:
        """An STS call."""
        return self.call(STS, action, STS_VERSION, params)

    def assume(self, role: str = "vault-target", **params: Any) -> Any:
        """AssumeRole of a preset role."""
        arn = f"acs:ram::{self.fake.preset.account_id}:role/{role}"
        return self.sts("AssumeRole", **{"RoleArn": arn, "RoleSessionName": "test", **params})

    def call(self, host: str, action: str, version: str, params: dict[str, Any]) -> Any:
        """One signed call; the parsed answer or `Refused`."""
        params = {name: str(value) for name, value in params.items()}
        if self.style == "v1":
            query = self.v1_query("POST", {**params, "Action": action, "Version": version})
            status, headers, body = self.send(host, "POST", f"/?{query}", {}, b"")
        else:
            form = urlencode(params).encode()
            headers = self.v3_headers(host, action, version, form)
            status, headers, body = self.send(host, "POST", "/", headers, form)
        if status != 200:
            raise Refused(status, body, headers)
        return json.loads(body)

    def v1_query(self, method: str, params: dict[str, str], **override: str | None) -> str:
        """All parameters with a signature; an override of None leaves a common one out."""
        common = {"Format": "JSON", "AccessKeyId": self.key_id, "SignatureMethod": "HMAC-SHA1",
                  "SignatureVersion": "1.0", "SignatureNonce": uuid.uuid4().hex,
                  "Timestamp": iso(time.time()), **params}
        if self.token:
            common["SecurityToken"] = self.token
        for name, value in override.items():
            common.pop(name, None)
            if value is not None:
                common[name] = value
        if "Signature" not in override:
            common["Signature"] = signature.v1_signature(self.secret, method, common)
        return urlencode(common)

    def v3_headers(self, host: str, action: str, version: str, body: bytes = b"",
                   query: dict[str, str] | None = None, unsigned: tuple[str, ...] = (),
                   **override: str) -> dict[str, str]:
        """Signed headers; `override` names use underscores for hyphens."""
        headers = {"host": host, "x-acs-action": action, "x-acs-version": version,
                   "x-acs-date": iso(time.time()), "x-acs-signature-nonce": uuid.uuid4().hex,
                   "x-acs-content-sha256": hashlib.sha256(body).hexdigest()}
        if body:
            headers["content-type"] = "application/x-www-form-urlencoded"
        if self.token:
            headers["x-acs-security-token"] = self.token
        headers |= {name.replace("_", "-"): value for name, value in override.items()}
        names = sorted(set(headers) - set(unsigned))
        canonical = signature.v3_canonical_request("POST", "/", query or {}, headers.items(),
                                                   names, body)
        headers["Authorization"] = (
            f"ACS3-HMAC-SHA256 Credential={self.key_id},SignedHeaders={';'.join(names)},"
            f"Signature={signature.v3_signature(self.secret, canonical)}")
        return headers

    def send(self, host: str, method: str, target: str, headers: dict[str, str],
             body: bytes) -> tuple[int, dict[str, str], bytes]:
        """One HTTP exchange: status, headers, body."""
        connection = self._connections.get(host)
        if connection is None:
            connection = self._connections[host] = self.connect(host)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, dict(response.headers.items()), response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def connect(self, host: str) -> http.client.HTTPSConnection:
        """A connection through the proxy; not opened yet."""
        proxy = urlsplit(self.fake.proxy)
        context = ssl.create_default_context(cafile=self.fake.ca_file)
        connection = http.client.HTTPSConnection(proxy.hostname or "", proxy.port,
                                                 context=context, timeout=20,
                                                 source_address=(self.address, 0))
        connection.set_tunnel(host, 443)
        return connection

    def close(self) -> None:
        """Closes all connections."""
        for connection in self._connections.values():
            connection.close()


def code_of(call: Any, *args: Any, **params: Any) -> str | None:
    """The error code a call answers; fails when it succeeds."""
    try:
        answer = call(*args, **params)
    except Refused as refused:
        code: str | None = refused.code
        return code
    raise AssertionError(f"not refused: {answer}")


def encode(text: str) -> str:
    """Percent-encoding of a query value."""
    return quote(text, safe="")
