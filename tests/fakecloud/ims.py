"""The few operations of the newer identity product that a clean-up may want, and tags of users."""

from __future__ import annotations

import json
from typing import Any

from .clock import iso
from .errors import ApiError
from .model import AccessKey, User
from .network import parse
from .operation import Call, Product
from .state import SERVICES
from .tags import is_tag

# Its operations are authorised under the prefix of RAM.
IMS = Product("Ims", "ram")

_KEPT_SECONDS = 30 * 86400


@IMS.operation("GetAccountSummary")
def get_account_summary(call: Call) -> dict[str, Any]:
    """Limits and counts of the account."""
    quotas, account = call.cloud.quotas, call.account
    return {"SummaryMap": {
        "UsersQuota": quotas["users"], "Users": len(account.users),
        "AccessKeysPerUserQuota": quotas["keys_per_user"],
        "PoliciesQuota": quotas["policies"], "Policies": len(account.policies),
        "PolicySizeQuota": quotas["policy_bytes"],
        "VersionsPerPolicyQuota": quotas["versions_per_policy"],
        "AttachedPoliciesPerUserQuota": quotas["custom_policies_per_user"],
        "AttachedSystemPoliciesPerUserQuota": quotas["system_policies_per_user"],
        "GroupsQuota": quotas["groups"], "Groups": len(account.groups),
        "GroupsPerUserQuota": quotas["groups_per_user"],
        "RolesQuota": quotas["roles"], "Roles": len(account.roles)}}


@IMS.operation("TagResources", unchecked=True, required=("ResourceType", "ResourceId.1"))
def tag_resources(call: Call) -> dict[str, Any]:
    """Tags users by their ids. Limits are those of the documentation; the codes are guesses."""
    if call.params["ResourceType"] != "user":
        raise ApiError("InvalidParameter.ResourceType")
    tags = {}
    for key in _numbered(call, "Tag.{}.Key"):
        value = call.params.get(f"Tag.{len(tags) + 1}.Value", "")
        if not is_tag(key, value):
            raise ApiError("InvalidParameter.Tag")
        tags[key] = value
    if not tags:
        raise ApiError("MissingTag")
    users = []
    for user_id in _numbered(call, "ResourceId.{}"):
        found = [user for user in call.account.users.values() if user.id == user_id]
        names = [f"acs:ram:*:{call.account.id}:user/{user.name}" for user in found]
        call.authorise("ram:TagResources", *(names or ["*"]))
        if not found or not found[0].visible.look():
            raise ApiError("EntityNotExist.User")
        users += found
    if any(len({**user.tags, **tags}) > 20 for user in users):
        raise ApiError("LimitExceeded.User.Tag")
    for user in users:
        user.tags |= tags
    return {}


def _numbered(call: Call, name: str) -> list[str]:
    """The values of `Name.1`, `Name.2` and so on, which must have no gap."""
    start, end = name.split("{}")
    count = sum(given.startswith(start) and given.endswith(end) for given in call.params)
    try:
        return [call.params[name.format(number)] for number in range(1, count + 1)]
    except KeyError:
        raise ApiError(f"InvalidParameter.{start.strip('.')}") from None


def _dates(recycled: float) -> dict[str, str]:
    return {"RecycleDate": iso(recycled), "DeleteDate": iso(recycled + _KEPT_SECONDS)}


@IMS.operation("ListUsersInRecycleBin")
def list_users_in_recycle_bin(call: Call) -> dict[str, Any]:
    """Users deleted in the last thirty days."""
    return {"IsTruncated": False, "Users": {"User": [
        {"UserId": user_id, "UserPrincipalName":
            f"{user['user_name']}@{call.account.id}.onaliyun.com", **_dates(user["recycled"])}
        for user_id, user in call.account.recycled_users.items()]}}


@IMS.operation("DeleteUserInRecycleBin", required=("UserId",))
def delete_user_in_recycle_bin(call: Call) -> dict[str, Any]:
    """Forgets a deleted user for good."""
    if call.account.recycled_users.pop(call.params["UserId"], None) is None:
        raise ApiError("EntityNotExist.User")
    return {}


@IMS.operation("ListAccessKeysInRecycleBin", required=("UserId",))
def list_keys_in_recycle_bin(call: Call) -> dict[str, Any]:
    """Deleted keys of one user."""
    return {"AccessKeys": {"AccessKey": [
        {"AccessKeyId": key_id, **_dates(key["recycled"])}
        for key_id, key in call.account.recycled_keys.items()
        if key["user_id"] == call.params["UserId"]]}}


@IMS.operation("DeleteAccessKeyInRecycleBin", required=("UserId", "UserAccessKeyId"))
def delete_key_in_recycle_bin(call: Call) -> dict[str, Any]:
    """Forgets a deleted key for good."""
    key = call.account.recycled_keys.get(call.params["UserAccessKeyId"])
    if key is None or key["user_id"] != call.params["UserId"]:
        raise ApiError("EntityNotExist.User.AccessKey")
    del call.account.recycled_keys[call.params["UserAccessKeyId"]]
    return {}


def _principal(call: Call) -> User:
    """The user of `UserPrincipalName`; without, the caller itself."""
    name = call.params.get("UserPrincipalName")
    if name is None:
        if call.caller.user is None:
            raise ApiError("MissingUserPrincipalName")
        return call.caller.user
    for user in call.account.users.values():
        if user.principal_name.lower() == name.lower() and user.visible.look():
            return user
    raise ApiError("EntityNotExist.User")


def _authorised(call: Call, user: User) -> User:
    call.authorise(f"ram:{call.action}", f"acs:ram:*:{user.account_id}:user/{user.name}")
    return user


@IMS.operation("GetUser", unchecked=True)
def get_user(call: Call) -> dict[str, Any]:
    """A user by one of its id, its principal name and one of its keys."""
    given = [name for name in ("UserId", "UserPrincipalName", "UserAccessKeyId") if name in call.params]
    if len(given) > 1:
        raise ApiError("InvalidParameter.UserPrincipalName")
    user_id, key_id = call.params.get("UserId"), call.params.get("UserAccessKeyId")
    found = [user for user in call.account.users.values() if user.id == user_id or key_id in user.keys]
    if found and not found[0].visible.look():
        found = []
    if not found and "UserPrincipalName" not in call.params:
        call.authorise("ram:GetUser", "*")
        raise ApiError("EntityNotExist.User")
    user = _authorised(call, found[0] if found else _principal(call))
    return {"User": {"UserId": user.id, "UserPrincipalName": user.principal_name, "Comments": user.comments}}


def _restricted(call: Call) -> AccessKey:
    key = _authorised(call, _principal(call)).keys.get(call.params["UserAccessKeyId"])
    if key is None or not key.listed.look():
        raise ApiError("EntityNotExist.User.AccessKey")
    return key


def _shown(key: AccessKey) -> dict[str, Any]:
    return {"AccessKeyId": key.id, "AccessKeyPolicy": json.dumps(key.network or {})}


@IMS.operation("SetAccessKeyPolicy", unchecked=True, required=("UserAccessKeyId", "AccessKeyPolicy"))
def set_key_policy(call: Call) -> dict[str, Any]:
    """From where a key may be used."""
    key = _restricted(call)
    key.network = parse(call.params["AccessKeyPolicy"])
    return _shown(key)


@IMS.operation("GetAccessKeyPolicy", unchecked=True, required=("UserAccessKeyId",))
def get_key_policy(call: Call) -> dict[str, Any]:
    """What `SetAccessKeyPolicy` has set."""
    return _shown(_restricted(call))


@IMS.operation("ListServiceCredentials", unchecked=True)
def list_service_credentials(call: Call) -> dict[str, Any]:
    """The API keys of a user, page by page."""
    user = _authorised(call, _principal(call))
    size, start = call.number("MaxResults", 1, 100, 10), call.number("NextToken", 0, 10**6, 0)
    rows = [_described(user, credential_id) for credential_id in user.service_credentials]
    more = len(rows) > start + size
    return {"ServiceCredentials": rows[start:start + size], "MaxResults": size, "IsTruncated": more,
            **({"NextToken": str(start + size)} if more else {})}


def _described(user: User, credential_id: str) -> dict[str, Any]:
    credential = user.service_credentials[credential_id]
    ends = {"ExpirationTime": iso(credential.expires)} if credential.expires else {}
    return {"ServiceCredentialId": credential_id, "UserPrincipalName": user.principal_name,
            "ServiceName": credential.service, "ServiceCredentialName": credential.name,
            "Status": credential.status, "CreateTime": iso(credential.created), **ends}


@IMS.operation("CreateServiceCredential", unchecked=True, required=("ServiceName", "ServiceCredentialName"))
def create_service_credential(call: Call) -> dict[str, Any]:
    """A new API key of a user for one service, whose secret is shown this once. The limits are those of the documents; the
    services, the codes, and that a user has a name only once are guesses."""
    user = _authorised(call, _principal(call))
    name = call.text("ServiceCredentialName", 128, r"[A-Za-z0-9._-]+")
    service = call.params["ServiceName"]
    if service not in SERVICES:
        raise ApiError("InvalidParameter.ServiceName")
    days = call.number("CredentialAgeDays", 1, 36600, 0)
    if any(other.name == name for other in user.service_credentials.values()):
        raise ApiError("EntityAlreadyExists.User.ServiceCredential")
    if sum(other.service == service for other in user.service_credentials.values()) >= 2:
        raise ApiError("LimitExceeded.User.ServiceCredential")
    expires = call.cloud.clock.now() + days * 86400 if days else None
    credential_id = call.cloud.add_service_credential(user, service, name, "api", expires)
    secret = user.service_credentials[credential_id].secret
    return {"ServiceCredential": {**_described(user, credential_id), "ServiceCredentialSecret": secret}}


def _service_credential(call: Call) -> tuple[User, str]:
    user = _authorised(call, _principal(call))
    if call.params["ServiceCredentialId"] not in user.service_credentials:
        raise ApiError("EntityNotExist.ServiceCredential")
    return user, call.params["ServiceCredentialId"]


@IMS.operation("UpdateServiceCredential", unchecked=True, required=("ServiceCredentialId",))
def update_service_credential(call: Call) -> dict[str, Any]:
    """Switches an API key on or off."""
    user, credential_id = _service_credential(call)
    if call.params.get("Status") not in ("Active", "Inactive"):
        raise ApiError("InvalidParameter.Status")
    user.service_credentials[credential_id].status = call.params["Status"]
    return {}


@IMS.operation("DeleteServiceCredential", unchecked=True, required=("ServiceCredentialId",))
def delete_service_credential(call: Call) -> dict[str, Any]:
    """Removes an API key that is switched off. The code of the refusal is a guess."""
    user, credential_id = _service_credential(call)
    if user.service_credentials[credential_id].status == "Active":
        raise ApiError("DeleteConflict.ServiceCredential.Active")
    del user.service_credentials[credential_id]
    return {}
