"""Policy documents: their grammar, and as much evaluation as the tests need."""

from __future__ import annotations

import functools
import json
import re
from typing import Any
from collections.abc import Iterable, Mapping

from .model import Attachment, Identity, PolicyKey

_ACTION = re.compile(r"\*|[A-Za-z0-9*?-]+:[A-Za-z0-9*?:-]+")
_STATEMENT_KEYS = {"Effect", "Action", "NotAction", "Resource", "NotResource", "Condition",
                   "Principal", "NotPrincipal", "Sid"}


class Malformed(ValueError):
    """The document is not a policy; the text says why."""


def parse_document(text: str, *, trust: bool = False) -> dict[str, Any]:
    """The document as a dictionary, or `Malformed`. A trust policy names principals instead of
    resources."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(document, dict) or set(document) != {"Version", "Statement"}:
        raise Malformed("needs exactly the members Version and Statement")
    if document["Version"] != "1":
        raise Malformed('Version must be the string "1"')
    if not isinstance(document["Statement"], list) or not document["Statement"]:
        raise Malformed("Statement must be a list that is not empty")
    for statement in document["Statement"]:
        _check_statement(statement, trust)
    return document


def _check_statement(statement: Any, trust: bool) -> None:
    if not isinstance(statement, dict) or set(statement) - _STATEMENT_KEYS:
        raise Malformed("a statement has unknown members")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise Malformed("Effect must be Allow or Deny")
    if ("Action" in statement) == ("NotAction" in statement):
        raise Malformed("a statement needs one of Action and NotAction")
    actions = _strings(statement.get("Action", statement.get("NotAction")))
    if not actions or not all(_ACTION.fullmatch(action) for action in actions):
        raise Malformed("an action must be * or <service>:<action>")
    if trust:
        if not isinstance(statement.get("Principal"), dict):
            raise Malformed("a trust statement needs a Principal")
    elif "Principal" in statement or not _strings(
            statement.get("Resource", statement.get("NotResource"))):
        raise Malformed("a statement needs a Resource and no Principal")
    if not isinstance(statement.get("Condition", {}), dict):
        raise Malformed("Condition must be an object")


def _strings(value: Any) -> list[str]:
    """A string or a list of strings as a list; empty when it is neither."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    return []


@functools.lru_cache(maxsize=4096)
def _pattern(pattern: str) -> re.Pattern[str]:
    """Only `*` and `?` are special, case does not matter."""
    text = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.compile(text, re.IGNORECASE | re.DOTALL)


def matches(pattern: str, value: str) -> bool:
    """Whether a policy pattern covers `value`."""
    return _pattern(pattern).fullmatch(value) is not None


def _covers_resource(pattern: str, resource: str) -> bool:
    # The region of a RAM resource is written as `*` or left empty.
    return matches(pattern, resource) or matches(pattern, resource.replace(":*:", "::", 1))


def _condition_holds(condition: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """Knows StringEquals and StringLike; any other operator never holds, which fails safe for
    Allow."""
    for operator, tests in condition.items():
        for name, wanted in tests.items():
            actual = context.get(name.lower())
            values = _strings(wanted)
            if actual is None:
                return False
            if operator == "StringEquals" and actual not in values:
                return False
            if operator == "StringLike" and not any(matches(v, actual) for v in values):
                return False
            if operator not in ("StringEquals", "StringLike"):
                return False
    return True


def _decide(documents: Iterable[str], action: str, resource: str) -> bool | None:
    """True for Allow, False for an explicit Deny, None when no statement speaks."""
    verdict: bool | None = None
    for text in documents:
        for statement in parse_document(text)["Statement"]:
            if "Action" in statement:
                hit = any(matches(p, action) for p in _strings(statement["Action"]))
            else:
                hit = not any(matches(p, action) for p in _strings(statement["NotAction"]))
            if "Resource" in statement:
                hit = hit and any(_covers_resource(p, resource)
                                  for p in _strings(statement["Resource"]))
            else:
                hit = hit and not any(_covers_resource(p, resource)
                                      for p in _strings(statement["NotResource"]))
            if not hit or not _condition_holds(statement.get("Condition", {}), {}):
                continue
            if statement["Effect"] == "Deny":
                return False
            verdict = True
    return verdict


def _documents(attachments: Mapping[PolicyKey, Attachment]) -> list[str]:
    return [a.policy.document for a in attachments.values() if a.effective.look()]


def allowed(identity: Identity, action: str, resource: str) -> bool:
    """Whether `identity` may do `action` on `resource`: grants from control, then policies."""
    if identity.is_root:
        return True
    if identity.user:
        grants = identity.user.grants
        documents = _documents(identity.user.policies)
        for membership in identity.user.groups.values():
            documents += _documents(membership.group.policies)
    else:
        assert identity.session is not None  # an identity is root, a user or a session
        grants = identity.session.role.grants
        documents = _documents(identity.session.role.policies)
        # A session policy only narrows: what it does not allow is gone.
        if identity.session.policy and not _decide([identity.session.policy], action, resource):
            return False
    verdict = _decide(documents, action, resource)
    if verdict is not None:
        return verdict
    return any(matches(pattern, action) for pattern in grants)


def trusts(trust: str, identity: Identity, external_id: str | None) -> bool:
    """Whether a role's trust policy lets `identity` assume it."""
    names = {identity.arn.lower(), f"acs:ram::{identity.account_id}:root"}
    if identity.session:
        names.add(identity.session.role.arn.lower())
    context = {} if external_id is None else {"sts:externalid": external_id}
    return _principal_decision(trust, "RAM", names, context)


def trusts_provider(trust: str, provider_arn: str, context: Mapping[str, str]) -> bool:
    """Whether a role's trust policy accepts tokens of an OIDC provider."""
    return _principal_decision(trust, "Federated", {provider_arn.lower()}, context)


def _principal_decision(trust: str, kind: str, names: set[str],
                        context: Mapping[str, str]) -> bool:
    verdict = False
    for statement in parse_document(trust, trust=True)["Statement"]:
        if not any(matches(p, "sts:AssumeRole") for p in _strings(statement.get("Action", []))):
            continue
        principals = {p.lower() for p in _strings(statement["Principal"].get(kind, []))}
        if not (principals & names or "*" in principals):
            continue
        if not _condition_holds(statement.get("Condition", {}), context):
            continue
        if statement["Effect"] == "Deny":
            return False
        verdict = True
    return verdict
