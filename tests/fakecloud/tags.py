"""Tags of RAM roles: those operations of RAM that take several things by their names. RAM cannot tag users."""

from __future__ import annotations

import json
from typing import Any

from .errors import ApiError
from .model import Role
from .operation import Call, Product

_MOST_NAMES = 50
_MOST_TAGS = 20


def is_tag(key: str, value: str) -> bool:
    """Whether these are the key and the value of a tag, by Alibaba's page on tags."""
    reserved = key.startswith(("aliyun", "acs:")) or "://" in key + value
    return 1 <= len(key) <= 128 and len(value) <= 256 and not reserved


def register(ram: Product) -> None:
    """Adds the operations. All of them are authorised on everything, as the documentation says."""
    ram.operation("TagResources", required=("ResourceType", "ResourceNames", "Tag"))(_tag)
    ram.operation("UntagResources", required=("ResourceType", "ResourceNames"))(_untag)
    ram.operation("ListTagResources", required=("ResourceType",))(_list)


def _array(call: Call, name: str, kind: type, longest: int) -> list[Any]:
    """A list that travels as JSON in one parameter."""
    try:
        values = json.loads(call.params.get(name, "[]"))
    except ValueError:
        values = None
    if not isinstance(values, list) or len(values) > longest or not all(isinstance(v, kind) for v in values):
        raise ApiError(f"InvalidParameter.{name}")
    return values


def _roles(call: Call) -> list[Role]:
    """The roles that are named. Policies have tags, too, but nothing here asks for those."""
    if call.params["ResourceType"] != "role":
        raise ApiError("InvalidParameter.ResourceType")
    return [call.cloud.role(call.account, name) for name in _array(call, "ResourceNames", str, _MOST_NAMES)]


def _tag(call: Call) -> dict[str, Any]:
    """Adds tags, and replaces those of the same keys. The codes of the refusals are guesses."""
    roles = _roles(call)
    tags = {tag.get("Key", ""): tag.get("Value", "") for tag in _array(call, "Tag", dict, _MOST_TAGS)}
    if not tags or not all(is_tag(key, value) for key, value in tags.items()):
        raise ApiError("InvalidParameter.Tag")
    if any(len({**role.tags, **tags}) > _MOST_TAGS for role in roles):
        raise ApiError("LimitExceeded.Role.Tag")
    for role in roles:
        role.tags |= tags
    return {}


def _untag(call: Call) -> dict[str, Any]:
    """Removes tags by their keys, or all of them."""
    keys = _array(call, "TagKeys", str, _MOST_TAGS)
    for role in _roles(call):
        role.tags = {} if call.flag("All") else {k: v for k, v in role.tags.items() if k not in keys}
    return {}


def _list(call: Call) -> dict[str, Any]:
    """Tags by role, page by page; without names those of all roles."""
    roles = _roles(call) if "ResourceNames" in call.params else list(call.account.roles.values())
    rows = [{"ResourceType": "role", "ResourceName": role.name, "TagKey": key, "TagValue": value}
            for role in roles for key, value in role.tags.items()]
    size = min(call.number("PageSize", 1, 100, 20), call.cloud.quotas["tags_per_page"])
    start = call.number("NextToken", 0, 10**6, 0)
    more = len(rows) > start + size
    return {"TagResources": rows[start:start + size], **({"NextToken": str(start + size)} if more else {})}
