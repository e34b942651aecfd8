"""From an HTTP request to an API call: product, action, version, parameters, signature style."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl

from .errors import ApiError
from .hosts import VERSIONS
from .http1 import Request
from .ims import IMS
from .operation import Operation
from .ram import RAM
from .sts import STS

_PRODUCTS = {"Ram": RAM, "Sts": STS, "Ims": IMS}
_FORM = "application/x-www-form-urlencoded"


@dataclass
class ApiRequest:
    """What a request asks for. Filled as far as the request could be understood, so that even a
    refused one can be recorded."""

    http: Request
    host: str
    product: str
    path: str = "/"
    query: dict[str, str] = field(default_factory=dict)
    #: Query and form body together; V1 signs these.
    params: dict[str, str] = field(default_factory=dict)
    style: Literal["v1", "v3", "none"] = "none"
    action: str | None = None
    version: str | None = None
    format: Literal["JSON", "XML"] = "JSON"
    operation: Operation | None = None

    @property
    def access_key_id(self) -> str | None:
        """The key the request names, verified or not."""
        if self.style == "v3":
            _, _, rest = (self.http.header("Authorization") or "").partition("Credential=")
            return rest.split(",", 1)[0] or None
        return self.params.get("AccessKeyId")

    def understand(self) -> None:
        """Fills the fields in the order in which a gateway would look at them."""
        self.path, _, query = self.http.target.partition("?")
        query_pairs = _pairs(query)
        form_pairs = self._form()
        self.query = dict(query_pairs)
        self.params = {**self.query, **dict(form_pairs)}
        self._choose_style()
        self._choose_format()
        if len(self.params) != len(query_pairs) + len(form_pairs):
            # What the service does with duplicates is not known; a client must not send them.
            raise ApiError("InvalidParameter", "A parameter was given more than once.")
        if self.http.method not in ("GET", "POST"):
            raise ApiError("UnsupportedHTTPMethod")
        named = (self.http.header("Host") or "").lower().removesuffix(":443")
        if named != self.host:
            raise ApiError("InvalidProduct.NotFound",
                           f"The Host header names {named}, the connection is to {self.host}.")
        if self.path != "/":
            raise ApiError("InvalidApi.NotFound")
        self._find_operation()

    def _form(self) -> list[tuple[str, str]]:
        if not self.http.body:
            return []
        kind = (self.http.header("Content-Type") or "").split(";")[0].strip().lower()
        if kind != _FORM:
            raise ApiError("InvalidParameter.ContentType")
        return _pairs(self.http.body.decode("utf-8", "surrogateescape"))

    def _choose_style(self) -> None:
        # Clients of V1 send x-acs-action too, as telemetry; the parameter then decides.
        in_headers = (self.http.header("Authorization") is not None
                      or (self.http.header("x-acs-action") is not None
                          and "Action" not in self.params))
        if self.http.header("Authorization") is not None:
            self.style = "v3"
        elif "Signature" in self.params:
            self.style = "v1"
        if in_headers:
            self.action = self.http.header("x-acs-action")
            self.version = self.http.header("x-acs-version")
        else:
            self.action = self.params.get("Action")
            self.version = self.params.get("Version")

    def _choose_format(self) -> None:
        if self.style == "v3":
            accept = (self.http.header("Accept") or "*/*").lower()
            if "json" in accept or "*/*" in accept:
                return
            if "xml" not in accept:
                raise ApiError("InvalidParameter.Accept")
            self.format = "XML"
            return
        wanted = self.params.get("Format", "JSON").upper()
        if wanted not in ("JSON", "XML"):
            raise ApiError("InvalidParameter.Format")
        self.format = "XML" if wanted == "XML" else "JSON"

    def _find_operation(self) -> None:
        if not self.action:
            raise ApiError("MissingAction")
        if not self.version:
            raise ApiError("MissingVersion")
        if self.version != VERSIONS[self.product]:
            elsewhere = any(self.version == VERSIONS[code] and self.action in product.operations
                            for code, product in _PRODUCTS.items())
            raise ApiError("InvalidProduct.NotFound" if elsewhere else "InvalidApi.NotFound")
        self.operation = _PRODUCTS[self.product].operations.get(self.action)
        if self.operation is None:
            raise ApiError("InvalidApi.NotFound")


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
