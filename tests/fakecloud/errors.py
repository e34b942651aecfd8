"""Service errors: one exception class and the HTTP status of every code family."""

from __future__ import annotations

from typing import Any

#: Codes whose status does not follow from their family.
_STATUS = {
    "InvalidApi.NotFound": 404,
    "InvalidProduct.NotFound": 404,
    "InvalidAccessKeyId.NotFound": 404,
    "NoPermission": 403,
    "AuthenticationFail.NoPermission": 403,
    "ServiceUnavailable": 503,
    "InternalError": 500,
    "UnknownError": 500,
}

#: Statuses by the part of the code before the first dot.
_FAMILY = {
    "EntityNotExist": 404,
    "EntityAlreadyExists": 409,
    "LimitExceeded": 409,
    "DeleteConflict": 409,
}

_MESSAGES = {
    "InvalidApi.NotFound": "Specified api is not found, please check your url and method.",
    "InvalidProduct.NotFound": "Cannot find product according to your specified domain.",
    "InvalidAccessKeyId.NotFound": "Specified access key is not found.",
    "InvalidAccessKeyId.Inactive": "Specified access key is disabled.",
    "InvalidTimeStamp.Expired": "Specified time stamp or date value is expired.",
    "InvalidTimeStamp.Format": "Specified time stamp or date value is not well formatted.",
    "SignatureNonceUsed": "Specified signature nonce was used already.",
    "MissingSecurityToken": "SecurityToken is mandatory for this action.",
    "InvalidSecurityToken.Malformed": "The specified SecurityToken is malformed.",
    "InvalidSecurityToken.MismatchWithAccessKey":
        "Specified SecurityToken mismatch with the AccessKey.",
    "InvalidSecurityToken.Expired": "Specified SecurityToken is expired.",
    "NoPermission": "You are not authorized to do this action. You should be authorized by RAM.",
    "MalformedPolicyDocument": "The policy document is malformed.",
    "Throttling.User": "Request was denied due to user flow control.",
    "InternalError": "The request processing has failed due to some unknown error.",
    "ServiceUnavailable": "The request has failed due to a temporary failure of the server.",
}

#: What an entity code is called in a message.
_NOUNS = {"EntityNotExist": "does not exist", "EntityAlreadyExists": "already exists",
          "LimitExceeded": "exceeds the limit of the account",
          "DeleteConflict": "cannot be removed while it is in use"}


def status_of(code: str) -> int:
    """The HTTP status the service sends with `code`; 400 for everything unlisted."""
    return _STATUS.get(code) or _FAMILY.get(code.split(".", 1)[0], 400)


def _message_of(code: str) -> str:
    if code in _MESSAGES:
        return _MESSAGES[code]
    family, _, rest = code.partition(".")
    if family in _NOUNS:
        return f"The {rest or 'entity'} {_NOUNS[family]}."
    if code.startswith("Missing"):
        return f"{code[len('Missing'):]} is mandatory for this action."
    return f"The request was refused: {code}."


class ApiError(Exception):
    """A refusal, in the shape that RAM and STS give it."""

    def __init__(self, code: str, message: str | None = None, *, status: int | None = None,
                 detail: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status = status or status_of(code)
        self.message = message or _message_of(code)
        #: Extra members of the body, such as `AccessDeniedDetail`.
        self.detail = detail or {}

    def body(self, host: str, request_id: str) -> dict[str, Any]:
        """The JSON body of this error as `host` would send it."""
        return {
            "RequestId": request_id,
            "HostId": host,
            "Code": self.code,
            "Message": self.message,
            "Recommend": f"https://next.api.aliyun.com/troubleshoot?q={self.code}",
            **self.detail,
        }
