"""The tutorial: each command as a user types it, its output, and a check that it did what it should."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.api import Json
from harness.cli import Cli, Output
from harness.cloud import Cloud
from harness.keyless import Pod
from harness.places import PLUGIN, server_program, version_of
from harness.server import DevServer, Server, command_environment

from . import end_by_signals
from .walk_auth import auth_method, disable

_INLINE = """\
[
  {
    "Version": "1",
    "Statement": [
      {
        "Action": "rds:Describe*",
        "Effect": "Allow",
        "Resource": "*"
      }
    ]
  }
]
"""


class Different(Exception):
    """A step did not do what the tutorial says."""


class Walk:
    """Prints and checks."""

    def __init__(self, server: Server, cloud: Cloud) -> None:
        self.server, self.cloud = server, cloud
        self._cli = Cli(server)

    def chapter(self, title: str) -> None:
        """A heading."""
        print(f"\n=== {title} ===", flush=True)

    def say(self, text: str) -> None:
        """A remark."""
        print(f"# {text}", flush=True)

    def type(self, command: str, *expected: str, stdin: str | None = None) -> Output:
        """Types a command, which must succeed; its output must have all of `expected`."""
        return self._typed(command, expected, stdin, True)

    def fail(self, command: str, *expected: str) -> Output:
        """As `type`, of a command that must fail."""
        return self._typed(command, expected, None, False)

    def _typed(self, command: str, expected: tuple[str, ...], stdin: str | None, succeeds: bool) -> Output:
        shown = _wrapped(f"{self._cli.name} {command}")
        print(f"\n$ {shown}" + (f"<<EOF\n{stdin}EOF" if stdin else ""), flush=True)
        output = self._cli.run(command, stdin)
        print(output.text.rstrip(), flush=True)
        self.check((output.code == 0) == succeeds, f"`{output.command}` ended with {output.code}")
        for text in expected:
            self.check(text in output.text, f"`{output.command}` did not print {text!r}")
        return output

    def register(self, binary: Path, kind: str) -> str:
        """Registers the plugin as one of this kind, the way `docs/install.md` does; its version."""
        digest, version = hashlib.sha256(binary.read_bytes()).hexdigest(), version_of(binary)
        self.type(f"plugin register -sha256={digest} -command={PLUGIN} -version={version} {kind} alicloud", "Success!")
        return version

    def check(self, holds: bool, otherwise: str) -> None:
        """Ends the walk when something is not as it should be."""
        if not holds:
            raise Different(otherwise)

    def show_cloud(self, **expected: int) -> None:
        """Shows what the plugin has made in the cloud and not removed."""
        left = self.cloud.control.leftovers()
        print("\n# What the cloud holds of it now:")
        for kind in ("users", "keys", "policies", "attachments"):
            print(f"#   {kind}: {len(left[kind])}")
            for name in sorted(map(_shown, left[kind])):
                print(f"#     {name}")
            self.check(len(left[kind]) == expected.get(kind, 0), f"there are {len(left[kind])} {kind} in the cloud")
        self.check(not left["missing"], f"the cloud has lost {left['missing']}")


def run(binary: Path, keep: bool) -> int:
    """The whole walk: 0 when every step did as it should."""
    end_by_signals()
    with tempfile.TemporaryDirectory(prefix="alicloud-demo-") as folder:
        cloud = Cloud(Path(folder) / "cloud")
        server = DevServer(server_program(), Path(folder) / "server", binary, cloud.environment)
        walk = Walk(server, cloud)
        return play(walk, lambda: _walk(walk, binary, Path(folder), keep))


def play(walk: Walk, steps: Callable[[], None]) -> int:
    """Makes the steps, and ends server and cloud: 0 when every step did as it should."""
    try:
        steps()
    except Different as difference:
        print(f"\nDIFFERENT: {difference}. The server's last words:\n{walk.server.log.read_text('utf-8')[-2000:]}")
        return 1
    except KeyboardInterrupt:
        print("\n# stopped")
        return 130
    finally:
        walk.server.stop()
        walk.cloud.close()
    print("\nEverything went as it should.")
    return 0


def _walk(walk: Walk, binary: Path, folder: Path, keep: bool) -> None:
    walk.server.start()
    _introduce(walk)
    install(walk, binary)
    configure(walk)
    write_roles(walk)
    leases = _issue(walk)
    _renew_and_revoke(walk, leases)
    _keyless(walk, folder)
    _help(walk)
    auth_method(walk, binary)
    if keep:
        _wait(walk)
    else:
        _remove(walk)


def _introduce(walk: Walk) -> None:
    walk.say(f"{walk.server.program} runs in development mode at {walk.server.address}.")
    walk.say("RAM and STS are played by a fake on this machine; the plugin reaches it because the server was "
             "started with")
    for name, value in walk.cloud.environment.items():
        walk.say(f"  {name}={value}")


def install(walk: Walk, binary: Path) -> None:
    """Puts the plugin to work."""
    walk.chapter("Install the plugin")
    walk.say(f"The binary lies in the server's plugin_directory as {PLUGIN}.")
    version = walk.register(binary, "secret")
    walk.type(f"secrets enable -plugin-version={version} alicloud", "Success!")


def configure(walk: Walk) -> None:
    """Writes the engine's key."""
    walk.chapter("Give it credentials of its own")
    pair = f"access_key={walk.cloud.access_key} secret_key={walk.cloud.secret_key}"
    walk.type(f"write alicloud/config {pair}", "Success!")
    shown = walk.type("read alicloud/config", walk.cloud.access_key)
    walk.check(walk.cloud.secret_key not in shown.text, "the secret key was read back")


def write_roles(walk: Walk) -> None:
    """A role of each kind."""
    walk.chapter("Write roles")
    remote = "remote_policies=name:AliyunOSSReadOnlyAccess,type:System"
    walk.say("A policy that the plugin makes for each user:")
    walk.type("write alicloud/role/inline-based ttl=1h max_ttl=8h inline_policies=-", "Success!", stdin=_INLINE)
    walk.say("Policies that exist:")
    walk.type(f"write alicloud/role/remote-based {remote}", "Success!")
    walk.say("Both:")
    walk.type(f"write alicloud/role/policy-based {remote} inline_policies=-", "Success!", stdin=_INLINE)
    walk.say("A RAM role, for STS credentials:")
    walk.type(f"write alicloud/role/role-based role_arn={walk.cloud.arn('vault-target')}", "Success!")
    walk.type("list alicloud/role", "inline-based", "policy-based", "remote-based", "role-based")
    walk.type("read alicloud/role/policy-based", "AliyunOSSReadOnlyAccess", "rds:Describe*")


def _issue(walk: Walk) -> list[str]:
    walk.chapter("Get credentials")
    leases = []
    for role in ("inline-based", "remote-based", "policy-based"):
        fields = walk.type(f"read alicloud/creds/{role}", "lease_id", "lease_duration", "secret_key").fields()
        walk.check(fields.get("lease_renewable") == "true", "the lease cannot be renewed")
        leases.append(fields["lease_id"])
    fields = walk.type("read alicloud/creds/role-based", "security_token", "expiration").fields()
    walk.check(fields.get("lease_renewable") == "false", "an STS lease looks renewable")
    walk.check(fields.get("access_key", "").startswith("STS."), "these are no STS credentials")
    walk.show_cloud(users=3, keys=3, policies=2, attachments=4)
    return leases


def _renew_and_revoke(walk: Walk, leases: list[str]) -> None:
    walk.chapter("Renew and revoke")
    walk.type(f"lease renew {leases[0]}", leases[0], "lease_duration")
    walk.type(f"lease revoke -sync {leases[0]}", "Success!")
    walk.show_cloud(users=2, keys=2, policies=1, attachments=3)
    walk.type("lease revoke -sync -prefix alicloud/creds", "Success!")
    walk.show_cloud()


def _keyless(walk: Walk, folder: Path) -> None:
    walk.chapter("Do without a key")
    pod = Pod(walk.cloud, folder)
    walk.say("On ACK a pod has an identity token, which the plugin exchanges for a session of a RAM role (RRSA).")
    walk.say(f"Here it is in {pod.file}. With `verify` the settings are tried before they are stored:")
    walk.type("delete alicloud/config", "Success!")
    walk.type(f"write alicloud/config credential_source=oidc oidc_provider_arn={pod.provider_arn} "
              f"oidc_token_file={pod.file} role_arn={pod.role_arn} verify=true",
              "assumed-role/vault-pod/vault-plugin-alicloud")
    shown = walk.type("read alicloud/config")
    walk.check(shown.fields().get("credential_source_in_force") == "oidc", "the source is another one")
    walk.check(walk.cloud.access_key not in shown.text, "there is a key")
    walk.type("read alicloud/creds/role-based", "security_token")
    walk.say("A role of another account would be assumed with it, by `role_arn` and `external_id`. Back to the key:")
    walk.type("delete alicloud/config", "Success!")
    walk.type(f"write alicloud/config access_key={walk.cloud.access_key} secret_key={walk.cloud.secret_key}", "Success!")


def _help(walk: Walk) -> None:
    walk.chapter("Ask for help")
    walk.type("path-help alicloud", "## DESCRIPTION", "## PATHS", "creds/")
    walk.type("path-help alicloud/creds/inline-based", "## DESCRIPTION")


def _remove(walk: Walk) -> None:
    walk.chapter("Remove it")
    disable(walk)
    walk.type("secrets disable alicloud", "Success!")
    walk.show_cloud()


def _wait(walk: Walk) -> None:
    walk.chapter("The server is yours")
    walk.say("In another terminal:")
    for name, value in command_environment(walk.server).items():
        print(f"export {name}={value}")
    print(f"{walk.server.program} read alicloud/creds/policy-based")
    print(f"{walk.server.program} list auth/alicloud/role")
    walk.say(f"What the cloud holds: curl {walk.cloud.control_url}/leftovers")
    walk.say("Ctrl-C here ends it all.")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def _shown(row: Json) -> str:
    """An entity of the cloud in few words."""
    if "holder" in row:
        return f"{row['policy_name']} on {row['name']}"
    if "access_key_id" in row:
        return f"{row['access_key_id']} of {row['user_name']}"
    return str(row.get("user_name") or row["policy_name"])


def _wrapped(command: str) -> str:
    """A long command in lines, the way documents show it."""
    if len(command) <= 100:
        return command
    lines, line = [], ""
    for word in command.split(" "):
        if line and len(line) + len(word) > 90:
            lines.append(line)
            line = "   "
        line += (" " if line else "") + word
    return " \\\n".join([*lines, line])
