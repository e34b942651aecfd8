"""What callers read when Alibaba Cloud refuses: one text for each answer, with what happened, the cloud's code and
request id, and what to do. They are read as a set here, each as a whole."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from email.utils import formatdate

import pytest
from conftest import MakeEngine, MakeMethod
from harness.api import Answer
from harness.cloud import Cloud
from harness.engine import Engine
from harness.signing import Key

_NO_PERMISSION = "You are not authorized to do this action."
_LEAK = "There is a risk of leakage of this AccessKey."
_TOO_MANY = "Request was denied due to user flow control."
_QUOTA = "The maximum number of users is exceeded."

#: The request ids of the fake, and of ours here.
_REQUEST_ID = re.compile(r"[0-9A-F]{8}-[0-9A-F-]{27}")

#: What the cloud answers (code, status, message), and the status and the text of the caller.
_CREDS = [
    ("NoPermission", 403, _NO_PERMISSION, 403,
     "CreateUser: NoPermission: You are not authorized to do this action. (request id R); allow ram:CreateUser "
     "for the credentials of this mount"),
    ("Forbidden.RAM", 403, "User not authorized to operate on the specified resource.", 403,
     "CreateUser: Forbidden.RAM: User not authorized to operate on the specified resource. (request id R); allow "
     "ram:CreateUser for the credentials of this mount"),
    ("Forbidden", 403, _LEAK, 403,
     "CreateUser: Forbidden: Alibaba Cloud has restricted this access key because it may have leaked (request id "
     "R); create a new one for its user, configure that, and delete this one"),
    ("Forbidden", 403, f"Forbidden: {_LEAK}", 403,
     "CreateUser: Forbidden: Alibaba Cloud has restricted this access key because it may have leaked (request id "
     "R); create a new one for its user, configure that, and delete this one"),
    ("Throttling.User", 400, _TOO_MANY, 429,
     "CreateUser: Throttling.User: too many calls in this account (request id R); repeat the request later"),
    ("Throttling", 429, _TOO_MANY, 429,
     "CreateUser: Throttling: too many calls in this account (request id R); repeat the request later"),
    ("LimitExceeded.User", 409, _QUOTA, 409,
     "CreateUser: LimitExceeded.User: The maximum number of users is exceeded. (request id R); delete what is not "
     "needed, or have the quota raised"),
    ("InvalidAccessKeyId.NotFound", 404, "", 403,
     "CreateUser: InvalidAccessKeyId.NotFound: the access key id is not known (request id R); check the "
     "credentials of this mount"),
    ("InvalidAccessKeyId.Inactive", 400, "", 403,
     "CreateUser: InvalidAccessKeyId.Inactive: the access key is disabled (request id R); enable it in RAM, or "
     "configure another one"),
    ("SignatureDoesNotMatch", 400, "", 403,
     "CreateUser: SignatureDoesNotMatch: the access key secret does not belong to the access key id (request id "
     "R); check the credentials of this mount"),
    ("InvalidSecurityToken.Expired", 400, "", 403,
     "CreateUser: InvalidSecurityToken.Expired: the security token has expired (request id R); configure new "
     "credentials, or a source that refreshes itself"),
    ("ServiceUnavailable", 503, "", 503,
     "CreateUser: ServiceUnavailable: the service is temporarily unavailable (request id R); repeat the request "
     "later"),
    ("MalformedPolicyDocument", 400, "syntax error", 400,
     "CreateUser: MalformedPolicyDocument: syntax error (request id R)"),
    ("SomethingNew", 403, "No.", 403,
     "CreateUser: SomethingNew: No. (request id R); allow ram:CreateUser for the credentials of this mount"),
]
_STS = [
    ("NoPermission", 403, _NO_PERMISSION, 403,
     "AssumeRole: NoPermission: You are not authorized to do this action. (request id R); allow sts:AssumeRole "
     "for the credentials of this mount, and their identity in the trust policy of the RAM role"),
    ("EntityNotExist.Role", 404, "The role does not exist.", 400,
     "AssumeRole: EntityNotExist.Role: The role does not exist. (request id R); check the ARN of the RAM role"),
    ("Throttling.User", 429, _TOO_MANY, 429,
     "AssumeRole: Throttling.User: too many calls in this account (request id R); repeat the request later"),
    ("InvalidSecurityToken.Expired", 400, "", 403,
     "AssumeRole: InvalidSecurityToken.Expired: the security token has expired (request id R); configure new "
     "credentials, or a source that refreshes itself"),
    ("InternalError", 500, "", 503,
     "AssumeRole: InternalError: the service failed (request id R); repeat the request later"),
]
_ATTACH = [
    ("EntityNotExist.Policy", 404, "The policy does not exist.", 400,
     "policy \"AliyunOSSReadOnlyAccess\": AttachPolicyToUser: EntityNotExist.Policy: The policy does not exist. "
     "(request id R); check name and type of the role's remote_policies"),
    ("LimitExceeded.User.Policy", 409, "The maximum number of policies is exceeded.", 409,
     "policy \"AliyunOSSReadOnlyAccess\": AttachPolicyToUser: LimitExceeded.User.Policy: The maximum number of "
     "policies is exceeded. (request id R); delete what is not needed, or have the quota raised"),
    ("EntityNotExist.User", 404, "The user does not exist.", 400,
     "policy \"AliyunOSSReadOnlyAccess\": AttachPolicyToUser: EntityNotExist.User: The user does not exist. "
     "(request id R); it was deleted meanwhile; repeat the request"),
]
_REVOKE = [
    ("NoPermission", 403, _NO_PERMISSION,
     "DeleteUser: NoPermission: You are not authorized to do this action. (request id R); allow ram:DeleteUser "
     "for the credentials of this mount"),
    ("Forbidden", 403, _LEAK,
     "DeleteUser: Forbidden: Alibaba Cloud has restricted this access key because it may have leaked (request id "
     "R); create a new one for its user, configure that, and delete this one"),
    ("Throttling.User", 400, _TOO_MANY,
     "DeleteUser: Throttling.User: too many calls in this account (request id R); repeat the request later"),
    ("DeleteConflict.User.ServiceCredential", 409, "The user has service credentials.",
     "DeleteUser: DeleteConflict.User.ServiceCredential: The user has service credentials. (request id R); remove "
     "in RAM what is still attached, and repeat the request"),
    ("InvalidSecurityToken.Expired", 400, "",
     "DeleteUser: InvalidSecurityToken.Expired: the security token has expired (request id R); configure new "
     "credentials, or a source that refreshes itself"),
]
_VERIFY = [
    ("InvalidAccessKeyId.NotFound", 404, "", 403,
     "GetCallerIdentity: InvalidAccessKeyId.NotFound: the access key id is not known (request id R); check the "
     "credentials of this mount"),
    ("SignatureDoesNotMatch", 400, "", 403,
     "GetCallerIdentity: SignatureDoesNotMatch: the access key secret does not belong to the access key id "
     "(request id R); check the credentials of this mount"),
    ("Forbidden", 403, _LEAK, 403,
     "GetCallerIdentity: Forbidden: Alibaba Cloud has restricted this access key because it may have leaked "
     "(request id R); create a new one for its user, configure that, and delete this one"),
    ("NoPermission", 403, _NO_PERMISSION, 403,
     "GetCallerIdentity: NoPermission: You are not authorized to do this action. (request id R); STS wants no "
     "permission for this, so look for a network policy of the access key or a control policy of the account"),
    ("InvalidSecurityToken.Expired", 400, "", 403,
     "GetCallerIdentity: InvalidSecurityToken.Expired: the security token has expired (request id R); configure "
     "new credentials, or a source that refreshes itself"),
    ("Throttling.User", 400, _TOO_MANY, 429,
     "GetCallerIdentity: Throttling.User: too many calls in this account (request id R); repeat the request later"),
]
_LOGIN = [
    ("InvalidAccessKeyId.NotFound", 404, "", 403,
     "STS refused the signed request: GetCallerIdentity: InvalidAccessKeyId.NotFound: the access key id is not "
     "known (request id R); check the access key; a new one may need some seconds until it is known"),
    ("SignatureDoesNotMatch", 400, "", 403,
     "STS refused the signed request: GetCallerIdentity: SignatureDoesNotMatch: the access key secret does not "
     "belong to the access key id (request id R); check the credentials that the request was signed with"),
    ("InvalidSecurityToken.Expired", 400, "", 403,
     "STS refused the signed request: GetCallerIdentity: InvalidSecurityToken.Expired: the security token has "
     "expired (request id R); get new credentials, and sign a new request with them"),
    ("Forbidden", 403, _LEAK, 403,
     "STS refused the signed request: GetCallerIdentity: Forbidden: Alibaba Cloud has restricted this access key "
     "because it may have leaked (request id R); create a new one for its user, use that, and delete this one"),
    ("NoPermission", 403, _NO_PERMISSION, 403,
     "STS refused the signed request: GetCallerIdentity: NoPermission: refused (request id R); ask the account's "
     "administrator which policy denies sts:GetCallerIdentity"),
    ("SignatureNonceUsed", 400, "", 403,
     "STS refused the signed request, which was used before: GetCallerIdentity: SignatureNonceUsed: the nonce was "
     "already used: a duplicate of this request arrived first (request id R); sign a new one"),
    ("Throttling.User", 400, _TOO_MANY, 429,
     "STS throttles requests: GetCallerIdentity: Throttling.User: too many calls in this account (request id R); "
     "try again later with a new signed request"),
    ("ServiceUnavailable", 503, "", 503,
     "STS is unavailable: GetCallerIdentity: ServiceUnavailable: the service is temporarily unavailable (request "
     "id R); try again later with a new signed request"),
    ("SomethingNew", 400, "A secret of the signer.", 403,
     "STS refused the signed request: GetCallerIdentity: SomethingNew: refused (request id R); check how the "
     "request was signed"),
]


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    """A mount that calls once, so that nothing is waited for."""
    engine = make_engine()
    engine.configure(max_retries=0).ok()
    engine.full_role()
    engine.sts_role()
    return engine


def _refused(cloud: Cloud, action: str, code: str, status: int, message: str, request: Callable[[], Answer],
             **more: object) -> Answer:
    """The answer to a request while the cloud refuses this action."""
    fault = cloud.control.fault("error", action, code=code, status=status, message=message, count=None, **more)
    try:
        return request()
    finally:
        cloud.control.clear_faults(fault)


def _text(answer: Answer) -> str:
    """Without what the server puts around the texts of some statuses."""
    return _REQUEST_ID.sub("R", answer.error.removeprefix("1 error occurred:\n\t* ").rstrip("\n"))


def _assert_reads(answer: Answer, status: int, text: str) -> None:
    assert (answer.status, _text(answer)) == (status, text)


@pytest.mark.parametrize(("code", "status", "message", "told", "text"), _CREDS)
def test_creds_of_users(engine: Engine, cloud: Cloud, code: str, status: int, message: str, told: int,
                        text: str) -> None:
    answer = _refused(cloud, "CreateUser", code, status, message, lambda: engine.creds("full"))
    _assert_reads(answer, told, text)


@pytest.mark.parametrize(("code", "status", "message", "told", "text"), _ATTACH)
def test_creds_of_users_at_a_policy(engine: Engine, cloud: Cloud, code: str, status: int, message: str, told: int,
                                    text: str) -> None:
    answer = _refused(cloud, "AttachPolicyToUser", code, status, message, lambda: engine.creds("full"),
                      params={"PolicyName": "AliyunOSSReadOnlyAccess"})
    _assert_reads(answer, told, text)


@pytest.mark.parametrize(("code", "status", "message", "told", "text"), _STS)
def test_creds_of_sessions(engine: Engine, cloud: Cloud, code: str, status: int, message: str, told: int,
                           text: str) -> None:
    answer = _refused(cloud, "AssumeRole", code, status, message, lambda: engine.creds("sts"))
    _assert_reads(answer, told, text)


@pytest.mark.parametrize(("code", "status", "message", "text"), _REVOKE)
def test_revocations(engine: Engine, cloud: Cloud, code: str, status: int, message: str, text: str) -> None:
    """The server puts words of its own before ours."""
    lease_id = engine.creds("full").ok().lease_id
    answer = _refused(cloud, "DeleteUser", code, status, message, lambda: engine.revoke(lease_id))
    assert answer.status == 400 and f"err: {text}\n" in f"{_text(answer)}\n", _text(answer)
    engine.revoke(lease_id).ok()


@pytest.mark.parametrize(("code", "status", "message", "told", "text"), _VERIFY)
def test_verified_configurations(engine: Engine, cloud: Cloud, code: str, status: int, message: str, told: int,
                                 text: str) -> None:
    answer = _refused(cloud, "GetCallerIdentity", code, status, message,
                      lambda: engine.configure(max_retries=0, verify=True))
    _assert_reads(answer, told, text)


@pytest.mark.parametrize(("code", "status", "message", "told", "text"), _LOGIN)
def test_logins(make_method: MakeMethod, cloud: Cloud, code: str, status: int, message: str, told: int,
                text: str) -> None:
    method = make_method()
    method.bound()
    answer = _refused(cloud, "GetCallerIdentity", code, status, message, method.login)
    _assert_reads(answer, told, text)


@pytest.mark.parametrize(("ahead", "told"), [
    (20 * 60 + 5, "; this machine's clock is 20 min behind it"),
    (-3605, "; this machine's clock is 60 min ahead of it"),
    (-90061, "; this machine's clock is 25 h 1 min ahead of it"), (2, "; this machine's clock agrees with it"),
    (None, "")])
def test_a_clock_that_is_off(engine: Engine, make_method: MakeMethod, cloud: Cloud, ahead: int | None,
                             told: str) -> None:
    """By the date of the cloud's answer, where there is one."""
    headers = {} if ahead is None else {"Date": formatdate(time.time() + ahead, usegmt=True)}
    code = "InvalidTimeStamp.Expired"
    wrong = f"{code}: the time of the request differs too much from the cloud's clock{told} (request id R)"
    answer = _refused(cloud, "CreateUser", code, 400, "", lambda: engine.creds("full"), headers=headers)
    assert answer.status == 500
    assert f"CreateUser: {wrong}; set the clock of this server\n" in f"{_text(answer)}\n", _text(answer)
    method = make_method()
    method.bound()
    answer = _refused(cloud, "GetCallerIdentity", code, 400, "", method.login, headers=headers)
    _assert_reads(answer, 403, f"STS refused the signed request: GetCallerIdentity: {wrong}; check the clocks of the "
                               f"client and of this server, and sign a new request")


def test_an_account_that_is_not_that_of_a_lease(engine: Engine, cloud: Cloud) -> None:
    lease_id = engine.creds("full").ok().lease_id
    other = "6543210987654321"
    cloud.control.post("accounts", account_id=other)
    key = Key.of(cloud.control.user("vault-operator", account_id=other, grants=["*"], keys=1)["keys"][0])
    engine.configure(access_key=key.id, secret_key=key.secret).ok()
    answer = engine.revoke(lease_id)
    own = cloud.account_id
    text = (f"is in account {own}, but the credentials of this mount belong to account {other}: write a key of account "
            f"{own} to previous_access_key and previous_secret_key of {engine.path}/config, which is then used for "
            f"revoking only, or configure credentials of account {own} again")
    assert answer.status == 400 and text in answer.error, answer.error
    engine.configure().ok()
    engine.revoke(lease_id).ok()


def test_the_log_names_a_key_that_is_restricted_as_leaked(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.cloud.control.fault("error", "CreateUser", status=403, code="Forbidden", message=_LEAK)
    engine.creds(engine.remote_role()).refused(403, "may have leaked")
    lines = engine.server.log.read_text("utf-8").splitlines()
    [line] = [line for line in lines if "access_key_restricted" in line and engine.cloud.access_key in line
              and "CreateUser" in line][-1:]
    assert "[ERROR]" in line or '"error"' in line, line
