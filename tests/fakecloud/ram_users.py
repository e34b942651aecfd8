"""RAM operations on users, access keys, console profiles and MFA devices."""

from __future__ import annotations

from typing import Any

from .clock import iso
from .errors import ApiError
from .model import AccessKey, User
from .operation import Call, Product

USER_NAME = r"[A-Za-z0-9._-]+"
_DISPLAY_NAME = r"[A-Za-z0-9.@\u4e00-\u9fff-]+"
_PHONE = r"[0-9]{1,4}-[0-9]{4,20}"
_EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s]+"

#: What DeleteUser looks for, in the order in which it complains.
_CONFLICTS = ("Group", "AccessKey", "LoginProfile", "MFADevice", "Policy", "ServiceCredential")


def register(ram: Product) -> None:
    """Adds this module's operations to the product."""
    ram.operation("CreateUser", "user")(create_user)
    for name, handler in (("GetUser", get_user), ("UpdateUser", update_user),
                          ("DeleteUser", delete_user), ("CreateLoginProfile", create_profile),
                          ("GetLoginProfile", get_profile), ("DeleteLoginProfile", delete_profile),
                          ("UnbindMFADevice", unbind_mfa)):
        ram.operation(name, "user:UserName", required=("UserName",))(handler)
    ram.operation("ListUsers", "user")(list_users)
    for name, handler in (("CreateAccessKey", create_key), ("ListAccessKeys", list_keys)):
        ram.operation(name, "user:UserName")(handler)
    for name, handler in (("UpdateAccessKey", update_key), ("DeleteAccessKey", delete_key),
                          ("GetAccessKeyLastUsed", key_last_used)):
        ram.operation(name, "user:UserName", required=("UserAccessKeyId",))(handler)


def describe(user: User, *, dates: tuple[str, ...] = ("CreateDate",)) -> dict[str, Any]:
    """A user as the service shows it; there is no ARN in this version of the API."""
    known = {"CreateDate": iso(user.created), "UpdateDate": iso(user.updated), "LastLoginDate": ""}
    return {"UserId": user.id, "UserName": user.name, "DisplayName": user.display_name,
            "MobilePhone": user.mobile_phone, "Email": user.email, "Comments": user.comments,
            **{date: known[date] for date in dates}}


def _details(call: Call, prefix: str = "") -> dict[str, str]:
    """The optional fields of CreateUser and UpdateUser that are present."""
    fields = {"display_name": call.optional(f"{prefix}DisplayName", 128, _DISPLAY_NAME),
              "comments": call.optional(f"{prefix}Comments", 128)}
    for field, name, pattern in (("mobile_phone", "MobilePhone", _PHONE),
                                 ("email", "Email", _EMAIL)):
        try:
            fields[field] = call.optional(prefix + name, 128, pattern)
        except ApiError:
            raise ApiError(f"InvalidParameter.{prefix}{name}.Format") from None
    return {name: value for name, value in fields.items() if value is not None}


def create_user(call: Call) -> dict[str, Any]:
    """Makes a user; a name is taken even while its owner cannot be seen yet."""
    name = call.text("UserName", 64, USER_NAME)
    details = _details(call)
    if name.lower() in call.account.users:
        raise ApiError("EntityAlreadyExists.User", f"The user already exists: {name}.")
    if len(call.account.users) >= call.cloud.quotas["users"]:
        raise ApiError("LimitExceeded.User")
    user = call.cloud.add_user(call.account, name, "api", **details)
    user.visible = call.cloud.gate("new_user")
    return {"User": describe(user)}


def _named(call: Call) -> User:
    return call.cloud.user(call.account, call.text("UserName", 64, USER_NAME))


def get_user(call: Call) -> dict[str, Any]:
    """One user."""
    return {"User": describe(_named(call),
                             dates=("CreateDate", "UpdateDate", "LastLoginDate"))}


def list_users(call: Call) -> dict[str, Any]:
    """A page of users in order of their names; the marker is the last name of the page."""
    size = call.number("MaxItems", 1, 1000, 100)
    after = call.params.get("Marker", "").lower()
    names = sorted(name for name, user in call.account.users.items()
                   if name > after and user.visible.is_open())
    page = [call.account.users[name] for name in names[:size]]
    answer: dict[str, Any] = {
        "IsTruncated": len(names) > size,
        "Users": {"User": [describe(user, dates=("CreateDate", "UpdateDate"))
                           for user in page]}}
    if len(names) > size:
        answer["Marker"] = page[-1].name
    return answer


def update_user(call: Call) -> dict[str, Any]:
    """Changes details and, with another `NewUserName`, the name."""
    user = _named(call)
    new_name = call.text("NewUserName", 64, USER_NAME)
    details = _details(call, "New")
    users = call.account.users
    if new_name.lower() != user.name.lower() and new_name.lower() in users:
        raise ApiError("EntityAlreadyExists.User")
    del users[user.name.lower()]
    user.name = new_name
    users[new_name.lower()] = user
    for field, value in details.items():
        setattr(user, field, value)
    user.updated = call.cloud.clock.now()
    return {"User": describe(user, dates=("CreateDate", "UpdateDate"))}


def delete_user(call: Call) -> dict[str, Any]:
    """Removes a user on which nothing hangs any more, as far as can be seen."""
    user = _named(call)
    holds = {"Group": user.groups, "AccessKey": user.keys, "LoginProfile": user.login_profile,
             "MFADevice": user.mfa_serial, "Policy": user.policies,
             # The documentation says that it is refused, and not by which code.
             "ServiceCredential": user.service_credentials}
    for kind in _CONFLICTS:
        ghost = user.ghosts.get(kind)
        if holds[kind] or (ghost is not None and not ghost.look()):
            raise ApiError(f"DeleteConflict.User.{kind}",
                           f"The user still has a {kind}: {user.name}.")
    call.cloud.remove_user(user)
    return {}


# === access keys ===

def _key_owner(call: Call) -> User | None:
    """The named user, else the caller itself; None is the account."""
    if "UserName" in call.params:
        return _named(call)
    if call.caller.session:
        raise ApiError("MissingUserName")
    return call.caller.user


def _keys(call: Call, owner: User | None) -> dict[str, AccessKey]:
    return owner.keys if owner else call.account.root_keys


def _key(call: Call) -> AccessKey:
    key = _keys(call, _key_owner(call)).get(call.params["UserAccessKeyId"])
    if key is None or not key.listed.look():
        raise ApiError("EntityNotExist.User.AccessKey")
    return key


def create_key(call: Call) -> dict[str, Any]:
    """A key for the named user, else for the caller; the only time its secret is shown."""
    owner = _key_owner(call)
    if len(_keys(call, owner)) >= call.cloud.quotas["keys_per_user"]:
        raise ApiError("LimitExceeded.User.AccessKey")
    key = call.cloud.add_key(call.account, owner, "api")
    key.usable = call.cloud.gate("new_key")
    key.listed = call.cloud.gate("new_key_listing")
    return {"AccessKey": {"AccessKeyId": key.id, "AccessKeySecret": key.secret,
                          "Status": key.status, "CreateDate": iso(key.created)}}


def list_keys(call: Call) -> dict[str, Any]:
    """All keys of a user, without secrets."""
    keys = [key for key in _keys(call, _key_owner(call)).values() if key.listed.look()]
    return {"AccessKeys": {"AccessKey": [
        {"AccessKeyId": key.id, "Status": key.status, "CreateDate": iso(key.created)}
        for key in keys]}}


def update_key(call: Call) -> dict[str, Any]:
    """Switches a key on or off."""
    status = call.params.get("Status")
    if status is None:
        raise ApiError("MissingStatus")
    if status not in ("Active", "Inactive"):
        raise ApiError("InvalidParameter.Status")
    _key(call).status = status
    return {}


def delete_key(call: Call) -> dict[str, Any]:
    """Removes a key, active or not."""
    key = _key(call)
    call.cloud.remove_key(key)
    if key.user:
        key.user.ghosts["AccessKey"] = call.cloud.gate("deletion")
    return {}


def key_last_used(call: Call) -> dict[str, Any]:
    """When a key signed last; empty when it never did."""
    key = _key(call)
    used = {"LastUsedDate": iso(key.last_used)} if key.last_used else {}
    return {"AccessKeyLastUsed": used}


# === console ===

def create_profile(call: Call) -> dict[str, Any]:
    """Gives a user a console password."""
    user = _named(call)
    call.text("Password", 128)
    if user.login_profile:
        raise ApiError("EntityAlreadyExists.User.LoginProfile")
    user.login_profile = {"UserName": user.name,
                          "PasswordResetRequired": call.flag("PasswordResetRequired"),
                          "MFABindRequired": call.flag("MFABindRequired"),
                          "CreateDate": iso(call.cloud.clock.now())}
    return {"LoginProfile": user.login_profile}


def get_profile(call: Call) -> dict[str, Any]:
    """The console settings of a user."""
    profile = _named(call).login_profile
    if profile is None:
        raise ApiError("EntityNotExist.User.LoginProfile")
    return {"LoginProfile": profile}


def delete_profile(call: Call) -> dict[str, Any]:
    """Takes the console password away."""
    user = _named(call)
    if user.login_profile is None:
        raise ApiError("EntityNotExist.User.LoginProfile")
    user.login_profile = None
    return {}


def unbind_mfa(call: Call) -> dict[str, Any]:
    """Takes the MFA device off a user; binding is done through control."""
    user = _named(call)
    if user.mfa_serial is None:
        raise ApiError("EntityNotExist.User.MFADevice")
    serial, user.mfa_serial = user.mfa_serial, None
    return {"MFADevice": {"SerialNumber": serial}}
