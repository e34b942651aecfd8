"""The few operations of the newer identity product that a clean-up may want."""

from __future__ import annotations

from typing import Any

from .clock import iso
from .errors import ApiError
from .operation import Call, Product

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
