"""Runs understood requests against the cloud and writes the answers."""

from __future__ import annotations

import json
import uuid
from email.utils import formatdate
from typing import Any
from xml.sax.saxutils import escape

from .apirequest import ApiRequest
from .auth import Authenticator
from .errors import ApiError
from .front import RateLimit
from .http1 import Request, Response
from .model import Identity
from .operation import Call
from .state import Cloud


class Gateway:
    """The front of all three products."""

    throttled = "Throttling.User"

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.authenticator = Authenticator(cloud)
        self._limit = RateLimit(self.throttled)

    def authenticate(self, request: ApiRequest) -> Identity | None:
        """Who signed the request; raises the service's error."""
        with self._cloud.lock:
            return self.authenticator.authenticate(request)

    def execute(self, request: ApiRequest, identity: Identity | None) -> dict[str, Any]:
        """Carries the operation out, completely or not at all."""
        assert request.operation is not None and request.action is not None
        with self._cloud.lock:
            self._limit.check(self._cloud.rates, identity.account_id if identity else "", request.action)
            call = Call(self._cloud, identity, request.action, request.params)
            return request.operation.run(call)

    def subjects(self, request: ApiRequest) -> list[str]:
        """The values of its parameters, and the names of users that it names by their ids."""
        values = list(request.params.values())
        with self._cloud.lock:
            return values + [user.name for account in self._cloud.accounts.values()
                             for user in account.users.values() if user.id in values]

    def serves(self, host: str) -> bool:
        """Whether it is a host of this cloud."""
        return host in self._cloud.hosts

    def request(self, http: Request, host: str) -> ApiRequest:
        """A request that is not yet understood."""
        return ApiRequest(http, host, self._cloud.hosts.get(host, "Sts"))

    def new_request_id(self) -> str:
        """An upper-case UUID."""
        return str(uuid.uuid4()).upper()

    def success(self, request: ApiRequest, request_id: str, answer: dict[str, Any]) -> Response:
        """200 in the format asked for."""
        body = {"RequestId": request_id, **answer}
        return self._response(200, body, request.format, f"{request.action}Response", request_id)

    def failure(self, request: ApiRequest, request_id: str, error: ApiError) -> Response:
        """A refusal in the format asked for."""
        body = error.body(request.host, request_id)
        return self._response(error.status, body, request.format, "Error", request_id)

    def _response(self, status: int, body: dict[str, Any], wanted: str, root: str, request_id: str) -> Response:
        headers = [("Date", formatdate(self._cloud.clock.now(), usegmt=True)),
                   ("x-acs-request-id", request_id), ("x-acs-trace-id", uuid.uuid4().hex)]
        if wanted == "XML":
            text = f"<?xml version='1.0' encoding='UTF-8'?><{root}>{_xml(body)}</{root}>"
            return Response(status, _bytes(text), "text/xml;charset=utf-8", headers)
        # Surrogates stand for bytes that were not UTF-8; the answer must still be JSON.
        return Response(status, _bytes(json.dumps(body, ensure_ascii=False)), headers=headers)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _xml(value: Any) -> str:
    """Members become elements, lists repeat their element."""
    if isinstance(value, dict):
        return "".join(
            "".join(f"<{name}>{_xml(item)}</{name}>" for item in member)
            if isinstance(member, list) else f"<{name}>{_xml(member)}</{name}>"
            for name, member in value.items())
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value))
