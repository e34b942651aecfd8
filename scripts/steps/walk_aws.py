"""The quick start of Vault's AWS backend of 2015, word by word, with the names that its commands have today."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

from harness.aws import PLUGIN_NAME, Aws
from harness.places import PLUGIN, server_program, version_of
from harness.server import DevServer

from . import end_by_signals
from .walk import Walk, play

_POLICY = """\
{
  "Version": "2012-10-17",
  "Statement": {
    "Effect": "Allow",
    "Action": "iam:*",
    "Resource": "*"
  }
}
"""


def run(binary: Path) -> int:
    """The whole walk: 0 when every step did as it should."""
    end_by_signals()
    with tempfile.TemporaryDirectory(prefix="aws-demo-") as folder:
        aws = Aws(Path(folder) / "aws")
        server = DevServer(server_program(), Path(folder) / "server", binary, aws.environment)
        walk = Walk(server, aws)
        return play(walk, lambda: _walk(walk, aws, binary, Path(folder)))


def _walk(walk: Walk, aws: Aws, binary: Path, folder: Path) -> None:
    walk.server.start()
    walk.say(f"{walk.server.program} runs in development mode at {walk.server.address}. IAM is moto, on this machine.")
    _quick_start(walk, binary, folder)
    _errors(walk, aws)
    _api(walk)


def _quick_start(walk: Walk, binary: Path, folder: Path) -> None:
    walk.chapter("Quick Start")
    digest, version = hashlib.sha256(binary.read_bytes()).hexdigest(), version_of(binary)
    walk.type(f"plugin register -sha256={digest} -command={PLUGIN} -version={version} -args=-engine=aws secret {PLUGIN_NAME}",
              "Success!")
    walk.say("vault mount aws")
    walk.type(f"secrets enable -path=aws -plugin-version={version} {PLUGIN_NAME}", "Success!", "aws/")
    walk.type(f"write aws/config/root access_key={walk.cloud.access_key} secret_key={walk.cloud.secret_key} region=us-east-1",
              "Success!")
    file = folder / "policy.json"
    file.write_text(_POLICY, "utf-8")
    walk.say(f"{file} is the policy of the document.")
    walk.type(f"write aws/roles/deploy policy=@{file}", "Success!")
    seen = set()
    for _ in range(2):
        fields = walk.type("read aws/creds/deploy", "lease_id", "lease_duration", "access_key", "secret_key").fields()
        walk.check(fields["lease_id"].startswith("aws/creds/deploy/"), "the lease has another name")
        walk.check(fields["lease_duration"] == "1h", "the lease is not 3600 s")
        seen.add(fields["access_key"])
    walk.check(len(seen) == 2, "the credentials are not new each time")
    _holds(walk, users=2, keys=2, policies=2)


def _errors(walk: Walk, aws: Aws) -> None:
    walk.chapter("Insufficient privilege")
    lease_id = walk.type("read aws/creds/deploy", "lease_id").fields()["lease_id"]
    aws.control.change("grants", actions=[])
    walk.say("The root credentials have lost all of their permissions.")
    walk.fail("read aws/creds/deploy", "Error creating IAM user: User: arn:aws:iam::", "is not authorized to perform: iam:CreateUser "
              "on resource: arn:aws:iam::")
    walk.say("vault revoke")
    walk.fail(f"lease revoke -sync {lease_id}", "is not authorized to perform")
    aws.control.reset_grants()
    walk.say("They have the ten of the document again: the same revocation succeeds.")
    walk.type(f"lease revoke -sync {lease_id}", "Success!")
    walk.type("lease revoke -sync -prefix aws/creds", "Success!")
    _holds(walk)


def _api(walk: Walk) -> None:
    walk.chapter("API")
    walk.type("read aws/config/root", "access_key", "us-east-1")
    walk.type("write aws/config/lease lease=30m lease_max=12h", "Success!")
    walk.type("read aws/config/lease", "30m0s", "12h0m0s")
    shown = walk.type("read -format=json aws/roles/deploy", "policy")
    walk.check(json.loads(json.loads(shown.text)["data"]["policy"]) == json.loads(_POLICY), "the role has another policy")
    walk.type("list aws/roles", "deploy")
    fields = walk.type("read aws/creds/deploy", "lease_id").fields()
    walk.check(fields["lease_duration"] == "30m", "the configured lease does not count")
    walk.type(f"lease renew {fields['lease_id']}", "30m")
    walk.type("delete aws/roles/deploy", "Success!")
    walk.type("path-help aws", "## DESCRIPTION", "## PATHS", "creds/")
    walk.type("path-help aws/config/root", "sudo")
    walk.type("secrets disable aws", "Success!")
    _holds(walk)


def _holds(walk: Walk, **expected: int) -> None:
    left = walk.cloud.control.leftovers()
    print("\n# What IAM holds of it now: " + ", ".join(f"{len(left[kind])} {kind}" for kind in ("users", "keys", "policies")))
    for kind in ("users", "keys", "policies"):
        walk.check(len(left[kind]) == expected.get(kind, 0), f"there are {len(left[kind])} {kind}")
