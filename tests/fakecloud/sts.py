"""The STS product: who am I, and temporary credentials."""

from __future__ import annotations

import re
from typing import Any

from .clock import iso
from .errors import ApiError
from .model import Role, Session
from .operation import Call, Product, no_permission
from .policy import Malformed, parse_document, trusts, trusts_provider

STS = Product("Sts", "sts")

_ROLE_ARN = re.compile(r"acs:ram::([0-9]{1,20}):role/([A-Za-z0-9.-]{1,64})")
_PROVIDER_ARN = re.compile(r"acs:ram::([0-9]{1,20}):oidc-provider/([A-Za-z0-9._-]{1,128})")
_RESERVED = ("acs:", "aliyun:", "alibabacloud:")


@STS.operation("GetCallerIdentity", unchecked=True)
def get_caller_identity(call: Call) -> dict[str, Any]:
    """Needs no permission; which fields are there depends on the kind of identity."""
    caller = call.caller
    answer: dict[str, Any] = {"AccountId": caller.account_id, "Arn": caller.arn}
    if caller.user:
        answer |= {"IdentityType": "RAMUser", "UserId": caller.user.id,
                   "PrincipalId": caller.user.id}
    elif caller.session:
        role = caller.session.role
        answer |= {"IdentityType": "AssumedRoleUser", "RoleId": role.id,
                   "PrincipalId": f"{role.id}:{caller.session.name}"}
    else:
        answer |= {"IdentityType": "Account", "UserId": caller.account_id,
                   "PrincipalId": caller.account_id}
    return answer


@STS.operation("AssumeRole", unchecked=True, required=("RoleArn", "RoleSessionName"))
def assume_role(call: Call) -> dict[str, Any]:
    """Temporary credentials of a role that trusts the caller."""
    caller = call.caller
    if caller.is_root:
        raise no_permission(caller, "sts:AssumeRole")
    name = _session_name(call)
    external_id = _shaped(call, "ExternalId", 2, 1224, r"[A-Za-z0-9_+=,.@:/-]*")
    source = _shaped(call, "SourceIdentity", 2, 64, r"[A-Za-z0-9_+=,.@-]*")
    if source and source.lower().startswith(_RESERVED):
        raise ApiError("InvalidParameter.SourceIdentity")
    policy = _session_policy(call)
    account_id, role_name = _role_arn(call)
    call.authorise("sts:AssumeRole", f"acs:ram:*:{account_id}:role/{role_name}")
    role = _role(call, account_id, role_name)
    if not trusts(role.trust, caller, external_id):
        raise no_permission(caller, "sts:AssumeRole")
    if caller.session and caller.session.source_identity:
        # It follows a chain of roles and cannot be replaced on the way.
        if source not in (None, caller.session.source_identity):
            raise no_permission(caller, "sts:SetSourceIdentity")
        source = caller.session.source_identity
    session = call.cloud.add_session(role, name, _duration(call, role), policy, source)
    return _credentials(session)


@STS.operation("AssumeRoleWithOIDC", anonymous=True,
               required=("OIDCProviderArn", "RoleArn", "OIDCToken", "RoleSessionName"))
def assume_role_with_oidc(call: Call) -> dict[str, Any]:
    """Anonymous: the token is the proof. Only tokens registered through control are good."""
    name = _session_name(call)
    policy = _session_policy(call)
    if not 4 <= len(call.params["OIDCToken"]) <= 20000:
        raise ApiError("InvalidParameter.OIDCToken")
    match = _PROVIDER_ARN.fullmatch(call.params["OIDCProviderArn"])
    if match is None:
        raise ApiError("InvalidParameter.OIDCProviderArn")
    account = call.cloud.accounts.get(match[1])
    provider = account.oidc.get(match[2]) if account else None
    if provider is None:
        raise ApiError("EntityNotExist.OIDCProvider")
    role = _role(call, *_role_arn(call))
    claims = provider["tokens"].get(call.params["OIDCToken"])
    if claims is None:
        raise ApiError("AuthenticationFail.OIDCToken.Invalid")
    now = call.cloud.clock.now()
    if claims["expires"] <= now:
        raise ApiError("AuthenticationFail.OIDCToken.Expired")
    context = {"oidc:iss": provider["issuer"], "oidc:sub": claims["subject"],
               "oidc:aud": provider["client_ids"][0]}
    if role.account_id != match[1] or not trusts_provider(
            role.trust, call.params["OIDCProviderArn"], context):
        raise ApiError("AuthenticationFail.NoPermission")
    session = call.cloud.add_session(role, name, _duration(call, role), policy)
    return {**_credentials(session), "OIDCTokenInfo": {
        "Subject": claims["subject"], "Issuer": provider["issuer"],
        "ClientIds": ",".join(provider["client_ids"]), "IssuanceTime": iso(claims["issued"]),
        "ExpirationTime": iso(claims["expires"]), "VerificationInfo": "Success"}}


def _shaped(call: Call, name: str, low: int, high: int, pattern: str) -> str | None:
    """An optional parameter whose every fault has the same code."""
    value = call.params.get(name)
    if value is not None and not (low <= len(value) <= high and re.fullmatch(pattern, value)):
        raise ApiError(f"InvalidParameter.{name}")
    return value


def _session_name(call: Call) -> str:
    name = _shaped(call, "RoleSessionName", 2, 64, r"[A-Za-z0-9.@_-]*")
    assert name is not None  # required by both operations
    return name


def _session_policy(call: Call) -> str | None:
    policy = call.params.get("Policy")
    if policy is None:
        return None
    if not 1 <= len(policy.encode("utf-8", "surrogateescape")) <= (
            call.cloud.quotas["session_policy_bytes"]):
        raise ApiError("InvalidParameter.PolicySize")
    try:
        parse_document(policy)
    except Malformed:
        raise ApiError("InvalidParameter.PolicyGrammar") from None
    return policy


def _role_arn(call: Call) -> tuple[str, str]:
    match = _ROLE_ARN.fullmatch(call.params["RoleArn"])
    if match is None:
        raise ApiError("InvalidParameter.RoleArn")
    return match[1], match[2]


def _role(call: Call, account_id: str, name: str) -> Role:
    account = call.cloud.accounts.get(account_id)
    if account is None:
        raise ApiError("EntityNotExist.Role", "The role does not exist.")
    return call.cloud.role(account, name)


def _duration(call: Call, role: Role) -> int:
    text = call.params.get("DurationSeconds", "3600")
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 900 <= int(text) <= role.max_session:
        raise ApiError("InvalidParameter.DurationSeconds",
                       "The Min/Max value of DurationSeconds is 15min/1hr.")
    return int(text)


def _credentials(session: Session) -> dict[str, Any]:
    """Here the ARN says `role/`, not `assumed-role/`."""
    role = session.role
    answer: dict[str, Any] = {
        "AssumedRoleUser": {"Arn": f"{role.arn}/{session.name}",
                            "AssumedRoleId": f"{role.id}:{session.name}"},
        "Credentials": {"AccessKeyId": session.key_id, "AccessKeySecret": session.secret,
                        "SecurityToken": session.token, "Expiration": iso(session.expires)}}
    if session.source_identity:
        answer["SourceIdentity"] = session.source_identity
    return answer
