"""What a user wrote into a policy is what reaches the cloud."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from harness.engine import Engine

_ODD = ('{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*","Resource":"acs:oss:*:*:bücher-云/<&>\\"x",'
        '"Condition":{"NumericEquals":{"acs:Big":9007199254740993,"acs:Bigger":12345678901234567890,'
        '"acs:Exact":0.1000000000000000055511151231257827,"acs:Exp":1E40}}}]}')


def _exact(text: str) -> Any:
    """JSON with every digit of its numbers."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def _in_the_cloud(engine: Engine) -> str:
    engine.creds("r").ok()
    [policy] = engine.cloud.control.leftovers()["policies"]
    document: str = policy["versions"]["v1"]
    return document


def test_unicode_markup_and_numbers_reach_the_cloud_exactly(engine: Engine) -> None:
    engine.write_role("r", inline_policies=f"[{_ODD}]").ok()
    assert _exact(_in_the_cloud(engine)) == _exact(_ODD)


def test_numbers_are_exact_also_when_the_document_is_not_sent_as_text(engine: Engine) -> None:
    engine.api.call("PUT", f"{engine.path}/role/r", f'{{"inline_policies": [{_ODD}]}}').ok()
    assert _exact(_in_the_cloud(engine)) == _exact(_ODD)


def test_a_change_of_something_else_leaves_the_document_exact(engine: Engine) -> None:
    # A read through the server is not: the server itself reads the plugin's answer with 64-bit floats.
    engine.write_role("r", inline_policies=f"[{_ODD}]").ok()
    engine.write_role("r", ttl=60).ok()
    assert _exact(_in_the_cloud(engine)) == _exact(_ODD)
