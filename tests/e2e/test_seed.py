"""Every command of the engine's documentation, typed into the real command line.

Where the document lost lines, the complete form is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fakecloud import Control
from harness.cli import Cli
from harness.cloud import Cloud
from harness.server import Server

_DOCUMENT = json.dumps([{"Statement": [{"Action": "rds:Describe*", "Effect": "Allow", "Resource": "*"}],
                         "Version": "1"}])


@pytest.fixture
def cli(server: Server, cloud: Cloud) -> Iterator[Cli]:
    """The command line, with the engine at its default path and at the second one of the document."""
    cli = Cli(server)
    assert "Success! Enabled the alicloud secrets engine at: alicloud/" in cli.run("secrets enable alicloud").ok().text
    cli.run("secrets enable -path=alibaba alicloud").ok()
    for mount in ("alicloud", "alibaba"):
        cli.run(f"write {mount}/config access_key={cloud.access_key} secret_key={cloud.secret_key}").ok()
    yield cli
    for mount in ("alicloud", "alibaba"):
        cli.run(f"secrets disable {mount}").ok()
    assert cloud.control.leftovers()["clean"]


def test_remote_policies_as_documented(cli: Cli, control: Control) -> None:
    cli.run("write alicloud/role/policy-based "
            "remote_policies='name:AliyunOSSReadOnlyAccess,type:System' "
            "remote_policies='name:AliyunRDSReadOnlyAccess,type:System'").ok()
    fields = cli.run("read alicloud/creds/policy-based").ok().fields()
    assert fields["lease_id"].startswith("alicloud/creds/policy-based/")
    assert fields["lease_duration"] == "768h" and fields["lease_renewable"] == "true"
    assert set(fields) == {"lease_id", "lease_duration", "lease_renewable", "access_key", "secret_key"}
    left = control.leftovers()
    assert [key["access_key_id"] for key in left["keys"]] == [fields["access_key"]]
    assert {a["policy_name"] for a in left["attachments"]} == {"AliyunOSSReadOnlyAccess", "AliyunRDSReadOnlyAccess"}


def test_inline_policies_as_documented(cli: Cli, control: Control) -> None:
    cli.run("write alicloud/role/policy-based inline_policies=-", stdin=_DOCUMENT).ok()
    cli.run("read alicloud/creds/policy-based").ok()
    [policy] = control.leftovers()["policies"]
    assert json.loads(policy["versions"]["v1"]) == json.loads(_DOCUMENT)[0]


def test_a_role_arn_as_documented(cli: Cli, cloud: Cloud) -> None:
    cli.run(f"write alibaba/role/role-based role_arn={cloud.arn('vault-target')}").ok()
    fields = cli.run("read alibaba/creds/role-based").ok().fields()
    assert fields["lease_duration"] in ("59m59s", "59m58s", "1h")
    assert fields["lease_renewable"] == "false" and fields["access_key"].startswith("STS.")
    assert set(fields) == {"lease_id", "lease_duration", "lease_renewable", "access_key", "secret_key",
                           "security_token", "expiration"}
    assert fields["expiration"].endswith("Z")


def test_leases_are_renewed_and_revoked_from_the_command_line(cli: Cli, control: Control) -> None:
    cli.run("write alicloud/role/r ttl=1h inline_policies=-", stdin=_DOCUMENT).ok()
    lease_id = cli.run("read alicloud/creds/r").ok().fields()["lease_id"]
    assert cli.run(f"lease renew -increment=30m {lease_id}").ok().fields()["lease_duration"] == "30m"
    cli.run(f"lease revoke -sync {lease_id}").ok()
    assert control.leftovers()["clean"]
