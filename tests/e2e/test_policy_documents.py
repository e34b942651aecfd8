"""What a user wrote into a policy is what reaches the cloud, or is refused where it is written."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeEngine
from harness.cli import Cli
from harness.engine import INLINE, Engine
from harness.storage import Storage

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


_ALLOW = {"Effect": "Allow", "Action": "oss:GetObject", "Resource": "*"}


def _with(**members: Any) -> str:
    """A document whose statement has other members; None takes one away."""
    statement = {name: value for name, value in {**_ALLOW, **members}.items() if value is not None}
    return json.dumps([{"Version": "1", "Statement": [_ALLOW, statement]}])


#: What people wrote, as text; what the answer says of it.
_REFUSED = {
    # The inputs of the reports.
    "condition twice": ('[{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:GetObject","Resource":"*",\n'
                        '"Condition":{"IpAddress":{"acs:SourceIp":["203.0.113.2"]}},\n'
                        '"Condition":{"Bool":{"acs:SecureTransport":["true"]}}}]}]',
                        'the member "Condition" is given twice in one object, at line 2 column 1 and at line 3 '
                        'column 1'),
    "effect twice": ('[{"Version":"1","Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}]',
                     'the member "Effect" is given twice in one object, at line 1 column 31 and at line 1 column '
                     '47'),
    "no-break spaces": ('[{\n\u00a0\u00a0"Version": "1", "Statement": []}]',
                        "a no-break space (U+00A0) at line 2 column 1, outside of a string"),
    "file name": ("policy.json", "this looks like a file name; to read a file write inline_policies=@policy.json"),
    "no effect": (_with(Effect=None), 'document 1, statement 2 (line 1 column 98): "Effect" is missing'),
    "no action": (_with(Action=None),
                  'document 1, statement 2 (line 1 column 98): "Action" is missing: a statement needs Action or '
                  'NotAction'),
    "misspelt effect": (_with(Effect="Alow"), 'document 1, statement 2, Effect (line 1 column 109): must be exactly '
                                              '"Allow" or "Deny"; got "Alow"'),
    # More of each kind.
    "misspelt member": (_with(Efect="Allow"),
                        'statement 2 (line 1 column 162): "Efect" is not known here; did you mean "Effect"?'),
    "resources": (_with(Resources="*"), '"Resources" is not known here; did you mean "Resource"?'),
    "version of AWS": ('[{"Version":"2012-10-17","Statement":[]}]', '"2012-10-17" is a version of AWS'),
    "resource of AWS": (_with(Resource=["arn:aws:s3:::b/*"]),
                        'Resource, value 1 (line 1 column 158): "arn:aws:s3:::b/*" is an ARN of AWS'),
    "both actions": (_with(NotAction="ram:*"), 'has both "Action" and "NotAction"'),
    "condition without operator": (_with(Condition={"acs:SourceIp": ["192.0.2.1"]}),
                                   '"acs:SourceIp" stands where an operator is expected'),
    "comment": ('[\n// read only\n]', "a comment (//) at line 2 column 1"),
    "trailing comma": ('[{"Version":"1",}]', "a comma at line 1 column 16 with nothing after it"),
    "single quotes": ("[{'Version':'1'}]", "a single quote ' (U+0027) at line 1 column 3"),
    "text after": ('[] and more', "there is more text after the end of the JSON, at line 1 column 4"),
    "two documents": ('{"Version":"1"},{"Version":"1"}', "there is a second value at line 1 column 16"),
}


@pytest.mark.parametrize(("text", "reason"), _REFUSED.values(), ids=_REFUSED.keys())
def test_what_ram_would_refuse_is_refused_with_its_place(engine: Engine, tmp_path: Path, text: str,
                                                         reason: str) -> None:
    engine.write_role("r", inline_policies=text).refused(400, "inline_policies: ", reason)
    # From a file, through the command line.
    (tmp_path / "policies.json").write_text(text, "utf-8")
    said = Cli(engine.server).run(f"write {engine.path}/role/r inline_policies=@{tmp_path}/policies.json")
    assert said.code == 2 and reason in said.text, said
    # One of a list.
    engine.write_role("r", inline_policies=[json.dumps(INLINE[0]), text]).refused(
        400, "inline_policies: document 2", reason.removeprefix("document 1"))
    engine.api.read(f"{engine.path}/role/r").refused(404)
    assert engine.cloud.control.leftovers()["clean"]


@pytest.mark.parametrize(("document", "warning"), [
    ({"Sid": "Read"}, '"Sid" is not among the members that RAM documents (it is one of AWS\'s)'),
    ({"Action": "GetObject"}, 'Action: "GetObject" is not of the usual form <service>:<action>'),
    ({"Resource": "acs:oss:*:*:<your-bucket>/*"}, '"acs:oss:*:*:<your-bucket>/*" looks like a placeholder'),
    ({"Condition": {"StringEqual": {"acs:a": "b"}}},
     '"StringEqual" is not among the operators that RAM documents (did you mean "StringEquals"?)'),
    ({"Condition": {"IpAddress": {"acs:SourceIp": "300.0.0.1"}}}, '"300.0.0.1" is not an IP address'),
    ({"Action": "oss:Get\u200bObject"}, "a zero-width space (U+200B) in the string"),
])
def test_what_is_only_unusual_is_kept_with_a_warning(engine: Engine, document: Any, warning: str) -> None:
    answer = engine.write_role("r", inline_policies=_with(**document)).ok()
    [warned] = answer.warnings
    assert warned.startswith("inline_policies: document 1, statement 2") and warning in warned
    kept = engine.read_role("r")["inline_policies"][0]["policy_document"]["Statement"][1]
    assert kept == {**_ALLOW, **document}
    # Only what a request writes is looked at.
    assert engine.write_role("r", ttl=60).status == 204


def test_a_byte_order_mark_is_left_out(engine: Engine) -> None:
    engine.write_role("r", inline_policies=f"\ufeff[{_ODD}]").ok()
    assert _exact(_in_the_cloud(engine)) == _exact(_ODD)


def test_a_role_of_the_go_plugin_goes_on_whatever_its_document(make_engine: MakeEngine) -> None:
    engine = make_engine()
    storage = Storage(engine)
    stored = ('{"role_arn":"","remote_policies":[{"name":"A_b","type":"system"}],"inline_policies":[{"hash":"h",'
              '"policy_document":{"Statement":[{"Effect":"allow"}],"Version":"2012-10-17"}},'
              '{"hash":"i","policy_document":null}],"ttl":0,"max_ttl":0}\n')
    storage.put("role/old", stored)
    before = engine.read_role("old")
    assert before["remote_policies"] == [{"name": "A_b", "type": "system"}]
    assert engine.write_role("old", ttl=60).status == 204
    assert storage.text("role/old") == stored.replace('"ttl":0', '"ttl":60000000000', 1)
    assert engine.read_role("old") == {**before, "ttl": 60}
    # The cloud has the last word, and nothing is left.
    engine.creds("old").refused(400, "MalformedPolicyDocument")
    assert engine.cloud.control.leftovers()["clean"]
    # What a request itself writes is checked.
    engine.write_role("old", inline_policies=before["inline_policies"]).refused(400, "is a version of AWS")
