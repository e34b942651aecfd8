"""IAM as a front of the fake cloud's proxy: reads requests, checks what moto does not, and has moto carry them out."""

from __future__ import annotations

import datetime
import json
import uuid
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from fakecloud.errors import ApiError
from fakecloud.front import RateLimit
from fakecloud.http1 import Request, Response

from .account import OPERATOR, Accounts

from moto.iam.access_control import IAMRequestBase  # noqa: E402
from moto.iam.responses import IamResponse  # noqa: E402
from moto.core.request import Request as MotoRequest  # noqa: E402

#: Hosts of IAM, with their partition and the region that calls are signed for; the last is a private endpoint.
HOSTS = {"iam.amazonaws.com": ("aws", "us-east-1"),
         "iam.cn-north-1.amazonaws.com.cn": ("aws-cn", "cn-north-1"),
         "iam.us-gov.amazonaws.com": ("aws-us-gov", "us-gov-west-1"),
         "iam.private.example": ("aws", "us-east-1")}

#: Hosts by which moto would not know the region.
_MOTO_HOSTS = {"iam.us-gov.amazonaws.com": "iam.us-gov-west-1.amazonaws.com", "iam.private.example": "iam.amazonaws.com"}

# Checked here, with the host that was really called.
IAMRequestBase.check_signature = lambda self: None  # type: ignore[method-assign]

_TOLERANCE = datetime.timedelta(minutes=15)
_POLICY_QUOTA = 2048


@dataclass
class Query:
    """A request of the query protocol, as far as it could be understood."""

    http: Request
    host: str
    params: dict[str, str] = field(default_factory=dict)
    action: str | None = None
    version: str | None = None
    style: str = "v4"

    @property
    def access_key_id(self) -> str | None:
        """The key the request names, verified or not."""
        _, _, rest = (self.http.header("Authorization") or "").partition("Credential=")
        return rest.split("/", 1)[0] or None

    def understand(self) -> None:
        """Reads the form."""
        kind = (self.http.header("Content-Type") or "").split(";")[0].strip()
        if self.http.method != "POST" or self.http.target != "/" or kind != "application/x-www-form-urlencoded":
            raise ApiError("InvalidAction", "not a form that is posted to /", status=400)
        pairs = parse_qsl(self.http.body.decode(), keep_blank_values=True, strict_parsing=True)
        self.params = dict(pairs)
        if len(pairs) != len(self.params):
            raise ApiError("InvalidParameterValue", "a parameter was given more than once", status=400)
        self.action, self.version = self.params.get("Action"), self.params.get("Version")
        if (self.http.header("Host") or "") != self.host:
            raise ApiError("InvalidAction", "the header Host names another host", status=400)


class IamFront:
    """The front of IAM in all partitions."""

    throttled = "Throttling"

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._limit = RateLimit(self.throttled)

    def subjects(self, request: Query) -> list[str]:
        """The values of its parameters."""
        return list(request.params.values())

    def serves(self, host: str) -> bool:
        """Whether it is a host of IAM."""
        return host in HOSTS

    def request(self, http: Request, host: str) -> Query:
        """A request that is not yet understood."""
        return Query(http, host)

    def new_request_id(self) -> str:
        """A UUID."""
        return str(uuid.uuid4())

    def authenticate(self, request: Query) -> str:
        """The ARN of whoever signed the request, which botocore's own signer would have signed alike."""
        text = request.http.header("Authorization") or ""
        try:
            algorithm, _, rest = text.partition(" ")
            parts = dict(part.strip().split("=", 1) for part in rest.split(","))
            access_key, date, region, service, terminator = parts["Credential"].split("/")
            signed = parts["SignedHeaders"].split(";")
        except (KeyError, ValueError):
            raise ApiError("IncompleteSignature", "the header Authorization is incomplete", status=400) from None
        partition, expected = HOSTS[request.host]
        with self._accounts.lock:
            owner = self._accounts.secret_of(access_key, partition)
        if algorithm != "AWS4-HMAC-SHA256" or terminator != "aws4_request" or owner is None:
            raise ApiError("InvalidClientTokenId", "The security token included in the request is invalid.", status=403)
        if (region, service) != (expected, "iam"):
            raise ApiError("SignatureDoesNotMatch", f"Credential should be scoped to a valid region, not {region!r}.",
                           status=403)
        self._check_time(request, date)
        account, user, secret = owner
        if self._signature(request, Credentials(access_key, secret), region, signed) != parts["Signature"]:
            # As AWS does, with what the client must not show.
            raise ApiError("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you "
                           f"provided. The canonical string is {request.http.header('X-Amz-Security-Token')}", status=403)
        if {"host", "x-amz-date", "content-type"} - set(signed):
            raise ApiError("IncompleteSignature", "headers are not signed", status=400)
        arn: str = user.arn
        return arn

    def _now(self) -> datetime.datetime:
        return (datetime.datetime.now(datetime.timezone.utc)
                + datetime.timedelta(seconds=self._accounts.clock_offset))

    def _check_time(self, request: Query, date: str) -> None:
        text = request.http.header("X-Amz-Date") or ""
        sent = datetime.datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        now = self._now()
        shown = f"{now:%Y%m%dT%H%M%SZ}"
        if date != text[:8]:
            raise ApiError("SignatureDoesNotMatch", "Date in Credential scope does not match YYYYMMDD", status=403)
        if sent < now - _TOLERANCE:
            raise ApiError("SignatureDoesNotMatch", f"Signature expired: {text} is now earlier than {shown}", status=403)
        if sent > now + _TOLERANCE:
            raise ApiError("SignatureDoesNotMatch", f"Signature not yet current: {text} is still later than {shown}",
                           status=403)

    @staticmethod
    def _signature(request: Query, credentials: Credentials, region: str, signed: list[str]) -> str:
        headers = {name: request.http.header(name) or "" for name in signed}
        again = AWSRequest("POST", f"https://{request.host}/", data=request.http.body, headers=headers)
        again.context["timestamp"] = request.http.header("X-Amz-Date")
        auth = SigV4Auth(credentials, "iam", region)
        return str(auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again))

    def execute(self, request: Query, identity: str) -> tuple[int, bytes]:
        """Has moto carry it out, unless IAM would refuse what moto takes."""
        with self._accounts.lock:
            self._limit.check(self._accounts.rates, identity, str(request.action))
            self._permit(request, identity)
            self._refuse(request)
            status, content = _moto(request)
        if status != 200:
            raise _Refused(status, content)
        return status, content

    def _permit(self, request: Query, identity: str) -> None:
        """What the document's policy permits: ten actions on users whose names begin with `vault-`."""
        name = request.params.get("UserName", "")
        if (not identity.endswith(f"/{OPERATOR}")
                or request.action in self._accounts.permitted and name.startswith("vault-")):
            return
        account = identity.split(":")[4]
        partition = HOSTS[request.host][0]
        raise ApiError("AccessDenied", f"User: {identity} is not authorized to perform: iam:{request.action} on resource: "
                       f"arn:{partition}:iam::{account}:user/{name} because no identity-based policy allows the "
                       f"iam:{request.action} action", status=403)

    def _refuse(self, request: Query) -> None:
        name = request.params.get("UserName", "")
        if request.action == "CreateUser" and len(name) > 64:
            raise ApiError("ValidationError", "Member must have length less than or equal to 64", status=400)
        if request.action == "PutUserPolicy":
            document = request.params["PolicyDocument"]
            json.loads(document)
            if sum(not c.isspace() for c in document) > _POLICY_QUOTA:
                raise ApiError("LimitExceeded", f"Maximum policy size of {_POLICY_QUOTA} bytes exceeded for user {name}",
                               status=409)
        if request.action == "DeleteUser":
            self._conflict(name, HOSTS[request.host][0], str(request.access_key_id))

    def _conflict(self, name: str, partition: str, access_key: str) -> None:
        owner = self._accounts.secret_of(access_key, partition)
        backend = self._accounts.backend(owner[0] if owner else "", partition)
        user = backend.users.get(name)
        if user is None:
            return
        for left, thing in ((user.access_keys, "delete access keys"), (user.password, "delete login profile"),
                            (user.mfa_devices, "delete MFA device"), (user.policies, "delete policies"),
                            ([g for g in backend.groups.values() if user in g.users], "remove users from group")):
            if left:
                raise ApiError("DeleteConflict", f"Cannot delete entity, must {thing} first.", status=409)

    def success(self, request: Query, request_id: str, answer: tuple[int, bytes]) -> Response:
        """Moto's own answer."""
        return Response(answer[0], answer[1], "text/xml", self._headers(request_id))

    def failure(self, request: Query, request_id: str, error: ApiError) -> Response:
        """A refusal as IAM writes it."""
        if isinstance(error, _Refused):
            return Response(error.status, error.content, "text/xml", self._headers(request_id))
        text = (f'<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>'
                f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
                f"<RequestId>{request_id}</RequestId></ErrorResponse>")
        return Response(error.status, text.encode(), "text/xml", self._headers(request_id))

    def _headers(self, request_id: str) -> list[tuple[str, str]]:
        return [("x-amzn-RequestId", request_id), ("Date", format_datetime(self._now(), usegmt=True))]


def _moto(request: Query) -> tuple[int, bytes]:
    """Moto's answer, without a server."""
    url = f"https://{_MOTO_HOSTS.get(request.host, request.host)}/"
    headers = {name: value for name, value in request.http.headers if name.lower() not in ("host", "content-length")}
    http = MotoRequest.from_primitives("POST", url, headers, request.http.body)
    status, _, body = IamResponse.dispatch(http, url, http.headers)
    return status, body if isinstance(body, bytes) else body.encode()


class _Refused(ApiError):
    """A refusal of moto's, as it is."""

    def __init__(self, status: int, content: bytes) -> None:
        start, end = content.find(b"<Code>"), content.find(b"</Code>")
        super().__init__(content[start + 6:end].decode() if start >= 0 else "Unknown", "refused", status=status)
        self.content = content
