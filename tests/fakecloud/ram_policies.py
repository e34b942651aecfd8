"""RAM operations on policies, their versions and their attachments."""

from __future__ import annotations

import json
import re
from typing import Any

from .clock import iso
from .errors import ApiError
from .model import Attachment, Group, Policy, PolicyVersion, Role, User
from .operation import Call, Handler, Product
from .policy import Malformed, parse_document

POLICY_NAME = r"[A-Za-z0-9-]+"
_ROTATE = ("None", "DeleteOldestNonDefaultVersionWhenLimitExceeded")
_TYPED = ("PolicyType", "PolicyName")


def register(ram: Product) -> None:
    """Adds this module's operations to the product."""
    ram.operation("CreatePolicy", "policy")(create_policy)
    ram.operation("ListPolicies", "policy")(list_policies)
    for name, handler in (("DeletePolicy", delete_policy), ("CreatePolicyVersion", create_version),
                          ("SetDefaultPolicyVersion", set_default),
                          ("DeletePolicyVersion", delete_version)):
        ram.operation(name, "policy:PolicyName", required=("PolicyName",))(handler)
    for name, handler in (("GetPolicy", get_policy), ("ListPolicyVersions", list_versions),
                          ("GetPolicyVersion", get_version),
                          ("ListEntitiesForPolicy", list_entities)):
        ram.operation(name, "policy:PolicyName", required=_TYPED)(handler)
    for kind in ("User", "Group", "Role"):
        resources = (f"{kind.lower()}:{kind}Name", "policy:PolicyName")
        ram.operation(f"AttachPolicyTo{kind}", *resources,
                      required=(*_TYPED, f"{kind}Name"))(_attach(kind))
        ram.operation(f"DetachPolicyFrom{kind}", *resources,
                      required=(*_TYPED, f"{kind}Name"))(_detach(kind))
        ram.operation(f"ListPoliciesFor{kind}", resources[0],
                      required=(f"{kind}Name",))(_list_for(kind))


def _document(call: Call) -> str:
    """The PolicyDocument parameter: size in bytes, then grammar."""
    text = call.params.get("PolicyDocument")
    if text is None:
        raise ApiError("MissingPolicyDocument")
    if not 1 <= len(text.encode("utf-8", "surrogateescape")) <= call.cloud.quotas["policy_bytes"]:
        raise ApiError("InvalidParameter.PolicyDocument.Length")
    try:
        parse_document(text)
    except Malformed as error:
        raise ApiError("MalformedPolicyDocument",
                       f"The policy document is malformed: {error}.") from None
    return text


def _custom(call: Call) -> Policy:
    """The custom policy named by PolicyName: system policies cannot be changed."""
    return call.cloud.policy(call.account, "Custom", call.params["PolicyName"])


def _typed(call: Call) -> Policy:
    return call.cloud.policy(call.account, call.params["PolicyType"], call.params["PolicyName"])


def _describe(policy: Policy) -> dict[str, Any]:
    return {"PolicyName": policy.name, "PolicyType": policy.type,
            "Description": policy.description, "DefaultVersion": policy.default_version,
            "CreateDate": iso(policy.created)}


def _version(policy: Policy, version: PolicyVersion) -> dict[str, Any]:
    return {"VersionId": version.id, "IsDefaultVersion": version.id == policy.default_version,
            "PolicyDocument": version.document, "CreateDate": iso(version.created)}


def _count(call: Call, policy: Policy) -> int:
    return sum(len(found) for found in call.cloud.holders(call.account, policy).values())


def create_policy(call: Call) -> dict[str, Any]:
    """Makes a custom policy with one version."""
    name = call.text("PolicyName", 128, POLICY_NAME)
    description = call.optional("Description", 1024)
    document = _document(call)
    _check_tags(call)
    if name.lower() in call.account.policies:
        raise ApiError("EntityAlreadyExists.Policy", f"The policy already exists: {name}.")
    if len(call.account.policies) >= call.cloud.quotas["policies"]:
        raise ApiError("LimitExceeded.Policy")
    policy = call.cloud.add_policy(call.account, name, document, "api", description or "")
    policy.visible = call.cloud.gate("new_policy")
    return {"Policy": _describe(policy)}


def _check_tags(call: Call) -> None:
    if "Tag" not in call.params:
        return
    try:
        tags = json.loads(call.params["Tag"])
        good = len(tags) <= 20 and all(
            1 <= len(tag["Key"]) <= 128 and len(tag.get("Value", "")) <= 256 for tag in tags)
    except (ValueError, TypeError, KeyError, AttributeError):
        good = False
    if not good:
        raise ApiError("InvalidParameter.Tag")


def delete_policy(call: Call) -> dict[str, Any]:
    """Removes a custom policy that is attached to nothing; extra versions need the cascade."""
    policy = _custom(call)
    for kind, holders in call.cloud.holders(call.account, policy).items():
        if holders or (kind == "User" and not policy.ghost.look()):
            raise ApiError(f"DeleteConflict.Policy.{kind}",
                           f"The policy is attached to a {kind}: {policy.name}.")
    if len(policy.versions) > 1 and not call.flag("CascadingDelete"):
        raise ApiError("DeleteConflict.Policy.Version")
    del call.account.policies[policy.name.lower()]
    call.cloud.note_removal(policy.origin, "policy", policy.name)
    return {}


def get_policy(call: Call) -> dict[str, Any]:
    """A policy and its default version."""
    policy = _typed(call)
    default = policy.versions[policy.default_version]
    return {"Policy": {**_describe(policy), "UpdateDate": iso(policy.updated),
                       "AttachmentCount": _count(call, policy),
                       "PolicyDocument": default.document},
            "DefaultPolicyVersion": _version(policy, default)}


def list_policies(call: Call) -> dict[str, Any]:
    """A page of policies, system ones first unless a type is named."""
    kind = call.params.get("PolicyType")
    if kind not in (None, "System", "Custom"):
        raise ApiError("InvalidParameter.PolicyType")
    size = call.number("MaxItems", 1, 1000, 100)
    after = call.params.get("Marker", "")
    found = [*call.cloud.system_policies.values(), *call.account.policies.values()]
    # The type leads the marker so that both kinds may share a name.
    marked = {f"{int(p.type == 'Custom')}:{p.name.lower()}": p for p in found
              if kind in (None, p.type) and p.visible.is_open()}
    rows = sorted(marker for marker in marked if marker > after)
    answer: dict[str, Any] = {
        "IsTruncated": len(rows) > size,
        "Policies": {"Policy": [
            {**_describe(marked[row]), "UpdateDate": iso(marked[row].updated),
             "AttachmentCount": _count(call, marked[row])} for row in rows[:size]]}}
    if len(rows) > size:
        answer["Marker"] = rows[size - 1]
    return answer


# === versions ===

def list_versions(call: Call) -> dict[str, Any]:
    """All versions of a policy."""
    policy = _typed(call)
    return {"PolicyVersions": {"PolicyVersion": [_version(policy, version)
                                                 for version in policy.versions.values()]}}


def _find_version(call: Call, policy: Policy) -> PolicyVersion:
    if "VersionId" not in call.params:
        raise ApiError("MissingVersionId")
    if not re.fullmatch(r"v[0-9]+", call.params["VersionId"]):
        raise ApiError("InvalidParameter.VersionId.Format")
    version = policy.versions.get(call.params["VersionId"])
    if version is None:
        raise ApiError("EntityNotExist.Policy.Version")
    return version


def get_version(call: Call) -> dict[str, Any]:
    """One version of a policy."""
    policy = _typed(call)
    return {"PolicyVersion": _version(policy, _find_version(call, policy))}


def create_version(call: Call) -> dict[str, Any]:
    """A further version, rotating out the oldest if asked to."""
    policy = _custom(call)
    document = _document(call)
    rotate = call.params.get("RotateStrategy", "None")
    if rotate not in _ROTATE:
        raise ApiError("InvalidParameter.RotateStrategy")
    if len(policy.versions) >= call.cloud.quotas["versions_per_policy"]:
        if rotate == "None":
            raise ApiError("LimitExceeded.Policy.Version")
        del policy.versions[next(v for v in policy.versions if v != policy.default_version)]
    version = call.cloud.add_version(policy, document)
    if call.flag("SetAsDefault"):
        policy.default_version = version.id
    policy.updated = call.cloud.clock.now()
    return {"PolicyVersion": _version(policy, version)}


def set_default(call: Call) -> dict[str, Any]:
    """Puts another version in force."""
    policy = _custom(call)
    policy.default_version = _find_version(call, policy).id
    policy.updated = call.cloud.clock.now()
    return {}


def delete_version(call: Call) -> dict[str, Any]:
    """Removes a version that is not the default."""
    policy = _custom(call)
    version = _find_version(call, policy)
    if version.id == policy.default_version:
        raise ApiError("DeleteConflict.Policy.Version.Default")
    del policy.versions[version.id]
    return {}


# === attachments ===

def _holder(call: Call, kind: str) -> User | Group | Role:
    name = call.params[f"{kind}Name"]
    if kind == "User":
        return call.cloud.user(call.account, name)
    if kind == "Group":
        return call.cloud.group(call.account, name)
    return call.cloud.role(call.account, name)


def _attach(kind: str) -> Handler:
    def attach(call: Call) -> dict[str, Any]:
        holder = _holder(call, kind)
        policy = _typed(call)
        if policy.key in holder.policies:
            raise ApiError(f"EntityAlreadyExists.{kind}.Policy")
        same_type = sum(key[0] == policy.type for key in holder.policies)
        if same_type >= call.cloud.quotas[f"{policy.type.lower()}_policies_per_user"]:
            raise ApiError(f"LimitExceeded.{kind}.Policy")
        holder.policies[policy.key] = Attachment(policy, call.cloud.clock.now(), "api",
                                                 call.cloud.gate("new_attachment"))
        return {}
    return attach


def _detach(kind: str) -> Handler:
    def detach(call: Call) -> dict[str, Any]:
        holder = _holder(call, kind)
        policy = _typed(call)
        attachment = holder.policies.pop(policy.key, None)
        if attachment is None:
            raise ApiError(f"EntityNotExist.{kind}.Policy")
        call.cloud.note_removal(attachment.origin, "attachment", f"{policy.name}@{holder.name}")
        if isinstance(holder, User):
            holder.ghosts["Policy"] = call.cloud.gate("deletion")
            policy.ghost = call.cloud.gate("deletion")
        return {}
    return detach


def _list_for(kind: str) -> Handler:
    def list_for(call: Call) -> dict[str, Any]:
        rows = [{**_describe(a.policy), "AttachDate": iso(a.created)}
                for a in _holder(call, kind).policies.values()]
        for row in rows:
            del row["CreateDate"]
        return {"Policies": {"Policy": rows}}
    return list_for


def list_entities(call: Call) -> dict[str, Any]:
    """Everybody who has a policy attached."""
    policy = _typed(call)
    users, groups, roles = [], [], []
    for user in call.account.users.values():
        if policy.key in user.policies:
            users.append({"UserId": user.id, "UserName": user.name,
                          "DisplayName": user.display_name,
                          "AttachDate": iso(user.policies[policy.key].created)})
    for group in call.account.groups.values():
        if policy.key in group.policies:
            groups.append({"GroupName": group.name, "Comments": group.comments,
                           "AttachDate": iso(group.policies[policy.key].created)})
    for role in call.account.roles.values():
        if policy.key in role.policies:
            roles.append({"RoleId": role.id, "RoleName": role.name, "Arn": role.arn,
                          "Description": role.description,
                          "AttachDate": iso(role.policies[policy.key].created)})
    return {"Users": {"User": users}, "Groups": {"Group": groups}, "Roles": {"Role": roles}}
