"""Network policies of access keys: what is one, and whom it lets in. The codes of refusals are guesses."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any

from .errors import ApiError

Policy = dict[str, Any]

_STATEMENTS, _NETWORKS = 8, 50
_PUBLIC, _VPC = "ClassicWhiteList", "VPCWhiteList"


def parse(text: str) -> Policy:
    """A policy within the documented form and limits."""
    try:
        policy: Policy = json.loads(text)
        _check(policy)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ApiError("InvalidParameter.AccessKeyPolicy") from None
    return policy


def _check(policy: Policy) -> None:
    statements = policy["Statements"]
    targets = [(statement["Type"], statement.get("Value")) for statement in statements]
    good = (policy["Version"] == 1 and policy["Status"] in ("Active", "Inactive")
            and set(policy) == {"Version", "Status", "Statements"}
            and len(statements) <= _STATEMENTS and len(set(targets)) == len(targets))
    for statement, (kind, value) in zip(statements, targets, strict=True):
        named = kind == _VPC and (value == "AllowAllVPC" or re.fullmatch(r"vpc-[a-z0-9]+", value))
        good = good and bool(named or (kind == _PUBLIC and value is None))
        good = good and 1 <= len(statement["IPList"]) <= _NETWORKS
        for network in statement["IPList"]:
            ipaddress.ip_network(network)  # strict: no bits of a host
    if not good:
        raise ValueError(policy)


def admits(policy: Policy | None, address: str, vpc: str | None) -> bool:
    """Whether a key may be used from an address, which is in a VPC or public."""
    if policy is None or policy["Status"] == "Inactive":
        return True
    client = ipaddress.ip_address(address)
    fits = {(_PUBLIC, None)} if vpc is None else {(_VPC, vpc), (_VPC, "AllowAllVPC")}
    return any(client in ipaddress.ip_network(network) for statement in policy["Statements"]
               if (statement["Type"], statement.get("Value")) in fits for network in statement["IPList"])
