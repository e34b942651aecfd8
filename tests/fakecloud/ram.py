"""The RAM product: the operations on users and policies, and here groups and roles."""

from __future__ import annotations

from typing import Any

from . import ram_policies, ram_users, tags
from .clock import iso
from .errors import ApiError
from .model import Group, Membership, Role, User
from .operation import Call, Product
from .policy import Malformed, parse_document

_GROUP_NAME = r"[A-Za-z0-9-]+"
_ROLE_NAME = r"[A-Za-z0-9.-]+"

RAM = Product("Ram", "ram")
ram_users.register(RAM)
ram_policies.register(RAM)
tags.register(RAM)


# === groups ===

def _group(group: Group) -> dict[str, Any]:
    return {"GroupId": group.id, "GroupName": group.name, "Comments": group.comments,
            "CreateDate": iso(group.created)}


def _members(call: Call, group: Group) -> list[User]:
    return [u for u in call.account.users.values() if group.name.lower() in u.groups]


@RAM.operation("CreateGroup", "group")
def create_group(call: Call) -> dict[str, Any]:
    """Makes a group."""
    name = call.text("GroupName", 64, _GROUP_NAME)
    comments = call.optional("Comments", 128)
    if name.lower() in call.account.groups:
        raise ApiError("EntityAlreadyExists.Group")
    if len(call.account.groups) >= call.cloud.quotas["groups"]:
        raise ApiError("LimitExceeded.Group")
    return {"Group": _group(call.cloud.add_group(call.account, name, "api", comments or ""))}


@RAM.operation("GetGroup", "group:GroupName", required=("GroupName",))
def get_group(call: Call) -> dict[str, Any]:
    """One group."""
    return {"Group": _group(call.cloud.group(call.account, call.params["GroupName"]))}


@RAM.operation("DeleteGroup", "group:GroupName", required=("GroupName",))
def delete_group(call: Call) -> dict[str, Any]:
    """Removes an empty group."""
    group = call.cloud.group(call.account, call.params["GroupName"])
    if _members(call, group):
        raise ApiError("DeleteConflict.Group.User")
    if group.policies:
        raise ApiError("DeleteConflict.Group.Policy")
    del call.account.groups[group.name.lower()]
    call.cloud.note_removal(group.origin, "group", group.name)
    return {}


@RAM.operation("AddUserToGroup", "user:UserName", "group:GroupName",
               required=("UserName", "GroupName"))
def add_user_to_group(call: Call) -> dict[str, Any]:
    """Puts a user into a group."""
    user = call.cloud.user(call.account, call.params["UserName"])
    group = call.cloud.group(call.account, call.params["GroupName"])
    if group.name.lower() in user.groups:
        raise ApiError("EntityAlreadyExists.User.Group")
    if len(user.groups) >= call.cloud.quotas["groups_per_user"]:
        raise ApiError("LimitExceeded.User.Group")
    user.groups[group.name.lower()] = Membership(group, call.cloud.clock.now(), "api")
    return {}


@RAM.operation("RemoveUserFromGroup", "user:UserName", "group:GroupName",
               required=("UserName", "GroupName"))
def remove_user_from_group(call: Call) -> dict[str, Any]:
    """Takes a user out of a group."""
    user = call.cloud.user(call.account, call.params["UserName"])
    group = call.cloud.group(call.account, call.params["GroupName"])
    membership = user.groups.pop(group.name.lower(), None)
    if membership is None:
        raise ApiError("EntityNotExist.User.Group")
    call.cloud.note_removal(membership.origin, "membership", f"{user.name}@{group.name}")
    user.ghosts["Group"] = call.cloud.gate("deletion")
    return {}


@RAM.operation("ListGroupsForUser", "user:UserName", required=("UserName",))
def list_groups_for_user(call: Call) -> dict[str, Any]:
    """The groups of a user."""
    user = call.cloud.user(call.account, call.params["UserName"])
    return {"Groups": {"Group": [
        {"GroupId": m.group.id, "GroupName": m.group.name, "Comments": m.group.comments,
         "JoinDate": iso(m.created)} for m in user.groups.values()]}}


@RAM.operation("ListUsersForGroup", "group:GroupName", required=("GroupName",))
def list_users_for_group(call: Call) -> dict[str, Any]:
    """The members of a group."""
    group = call.cloud.group(call.account, call.params["GroupName"])
    return {"IsTruncated": False, "Users": {"User": [
        {"UserName": user.name, "DisplayName": user.display_name,
         "JoinDate": iso(user.groups[group.name.lower()].created)}
        for user in _members(call, group)]}}


# === roles ===

def _role(role: Role) -> dict[str, Any]:
    return {"RoleId": role.id, "RoleName": role.name, "Arn": role.arn,
            "Description": role.description, "AssumeRolePolicyDocument": role.trust,
            "MaxSessionDuration": role.max_session, "CreateDate": iso(role.created),
            "UpdateDate": iso(role.updated)}


@RAM.operation("CreateRole", "role")
def create_role(call: Call) -> dict[str, Any]:
    """Makes a role with a trust policy."""
    name = call.text("RoleName", 64, _ROLE_NAME)
    description = call.optional("Description", 1024)
    seconds = call.number("MaxSessionDuration", 3600, 43200, 3600)
    trust = call.params.get("AssumeRolePolicyDocument")
    if trust is None:
        raise ApiError("MissingAssumeRolePolicyDocument")
    try:
        parse_document(trust, trust=True)
    except Malformed as error:
        raise ApiError("MalformedPolicyDocument",
                       f"The policy document is malformed: {error}.") from None
    if name.lower() in call.account.roles:
        raise ApiError("EntityAlreadyExists.Role")
    if len(call.account.roles) >= call.cloud.quotas["roles"]:
        raise ApiError("LimitExceeded.Role")
    return {"Role": _role(call.cloud.add_role(call.account, name, trust, "api",
                                              description or "", seconds))}


@RAM.operation("GetRole", "role:RoleName", required=("RoleName",))
def get_role(call: Call) -> dict[str, Any]:
    """One role."""
    return {"Role": _role(call.cloud.role(call.account, call.params["RoleName"]))}


@RAM.operation("DeleteRole", "role:RoleName", required=("RoleName",))
def delete_role(call: Call) -> dict[str, Any]:
    """Removes a role; its tokens are worthless from then on."""
    role = call.cloud.role(call.account, call.params["RoleName"])
    if role.policies:
        raise ApiError("DeleteConflict.Role.Policy")
    del call.account.roles[role.name.lower()]
    call.cloud.note_removal(role.origin, "role", role.name)
    return {}
