"""Who signed a request: the checks of a gateway, in its order."""

from __future__ import annotations

import hashlib
import hmac

from . import signature
from .apirequest import ApiRequest
from .clock import parse_iso
from .errors import ApiError
from .model import AccessKey, Identity, Session
from .network import admits
from .state import Cloud

_WINDOW = 15 * 60
_V1_REQUIRED = ("AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion",
                "SignatureNonce", "Timestamp")
_V3_SIGNED = ("x-acs-action", "x-acs-version", "x-acs-date", "x-acs-content-sha256")


class Authenticator:
    """Verifies signatures and remembers nonces per key."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._nonces: dict[str, dict[str, float]] = {}

    def reset(self) -> None:
        """Forgets all nonces."""
        self._nonces.clear()

    def authenticate(self, request: ApiRequest) -> Identity | None:
        """The identity behind the signature; None for anonymous operations."""
        assert request.operation is not None  # `understand` came first
        if request.operation.anonymous:
            if "Timestamp" in request.params:
                self._check_time(request.params["Timestamp"])
            return None
        if request.http.header("Authorization") is not None:
            return self._v3(request)
        if request.http.header("x-acs-action") and "Action" not in request.params:
            raise ApiError("IncompleteSignature", "The Authorization header is missing.")
        return self._v1(request)

    def _v1(self, request: ApiRequest) -> Identity:
        params = request.params
        for name in _V1_REQUIRED:
            if not params.get(name):
                raise ApiError(f"Missing{name}")
        if params["SignatureMethod"] != "HMAC-SHA1":
            raise ApiError("InvalidSignatureMethod")
        if params["SignatureVersion"] != "1.0":
            raise ApiError("InvalidParameter.SignatureVersion")
        self._check_time(params["Timestamp"])
        key = self._credentials(params["AccessKeyId"], params.get("SecurityToken"))
        wanted = signature.v1_signature(key.secret, request.http.method, params)
        if not _same(wanted, params["Signature"]):
            raise _mismatch(signature.v1_string_to_sign(request.http.method, params))
        return self._accept(request, key, params["SignatureNonce"])

    def _v3(self, request: ApiRequest) -> Identity:
        http = request.http
        if "Signature" in request.params or "AccessKeyId" in request.params:
            raise ApiError("IncompleteSignature", "The request is signed in two ways.")
        value = http.header("Authorization") or ""
        if value.split(" ", 1)[0] != signature.ALGORITHM_V3:
            raise ApiError("InvalidSignatureMethod")
        fields = signature.parse_authorization(value)
        if fields is None:
            raise ApiError("IncompleteSignature")
        signed = {name.lower() for name in fields.signed_headers}
        token = http.header("x-acs-security-token")
        required = (*_V3_SIGNED, *(("x-acs-security-token",) if token is not None else ()))
        for name in required:
            if name not in signed or http.header(name) is None:
                raise ApiError("IncompleteSignature", f"The header {name} is not signed.")
        self._check_time(http.header("x-acs-date") or "")
        key = self._credentials(fields.access_key_id, token)
        canonical = signature.v3_canonical_request(http.method, request.path, request.query,
                                                   http.headers, fields.signed_headers, http.body)
        announced = http.header("x-acs-content-sha256") or ""
        if not _same(hashlib.sha256(http.body).hexdigest(), announced) or not _same(
                signature.v3_signature(key.secret, canonical), fields.signature):
            raise _mismatch(f"{signature.v3_string_to_sign(canonical)}\n"
                            f"server canonical request is:{canonical}")
        # Signing a nonce is the client's choice; one that is there must be new.
        return self._accept(request, key, http.header("x-acs-signature-nonce"))

    def _check_time(self, text: str) -> None:
        then = parse_iso(text)
        if then is None:
            raise ApiError("InvalidTimeStamp.Format")
        if abs(then - self._cloud.clock.now()) > _WINDOW:
            raise ApiError("InvalidTimeStamp.Expired")

    def _credentials(self, key_id: str, token: str | None) -> AccessKey | Session:
        """The usable credentials behind a key id and its token."""
        if key_id.startswith("STS."):
            return self._session(key_id, token)
        key = self._cloud.keys.get(key_id)
        if key is None or not key.usable.look():
            raise ApiError("InvalidAccessKeyId.NotFound")
        if key.status != "Active":
            raise ApiError("InvalidAccessKeyId.Inactive")
        if token:
            raise ApiError("InvalidSecurityToken.MismatchWithAccessKey")
        return key

    def _session(self, key_id: str, token: str | None) -> Session:
        if not token:
            raise ApiError("MissingSecurityToken")
        session = self._cloud.sessions_by_token.get(token)
        if session is None:
            raise ApiError("InvalidSecurityToken.Malformed")
        if session.key_id != key_id:
            raise ApiError("InvalidSecurityToken.MismatchWithAccessKey")
        if session.expires <= self._cloud.clock.now():
            raise ApiError("InvalidSecurityToken.Expired")
        account = self._cloud.account(session.role.account_id)
        if account.roles.get(session.role.name.lower()) is not session.role:
            # The role was deleted, perhaps made again: its old tokens are dead either way.
            raise ApiError("InvalidAccessKeyId.NotFound")
        return session

    def _accept(self, request: ApiRequest, key: AccessKey | Session, nonce: str | None) -> Identity:
        """Uses up the nonce. Only after the signature, else anybody could burn nonces."""
        now = self._cloud.clock.now()
        key_id = key.id if isinstance(key, AccessKey) else key.key_id
        if nonce is not None:
            seen = self._nonces.setdefault(key_id, {})
            if now - seen.get(nonce, -2 * _WINDOW) < 2 * _WINDOW:
                raise ApiError("SignatureNonceUsed")
            if len(seen) >= 20000:
                fresh = {n: t for n, t in seen.items() if now - t < 2 * _WINDOW}
                seen.clear()
                seen.update(fresh)
            seen[nonce] = now
        if isinstance(key, Session):
            return Identity(key.role.account_id, session=key)
        if not admits(key.network, request.http.client, self._cloud.vpcs.get(request.host)):
            raise ApiError("Forbidden.AccessKeyNetworkPolicy", status=403)
        key.last_used = now
        return Identity(key.account_id, user=key.user)


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape"))


def _mismatch(string_to_sign: str) -> ApiError:
    return ApiError("SignatureDoesNotMatch", "Specified signature is not matched with our "
                    f"calculation. server string to sign is:{string_to_sign}")
