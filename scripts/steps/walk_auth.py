"""The tutorial's part about the auth method: a workload logs in with the RAM identity that it has."""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from harness.cli import Output
from harness.places import PLUGIN, clean_environment
from harness.server import command_environment

if TYPE_CHECKING:
    from .walk import Walk

_SERVER_ID = "vault.example.com"

#: Parameters of the signed request that are shown in part: whoever has them all can log in.
_SHORTENED = ("SecurityToken", "Signature")


class Workload:
    """A machine with credentials of a RAM role in its environment, and the plugin's binary."""

    def __init__(self, walk: Walk, binary: Path, credentials: dict[str, str]) -> None:
        self._walk, self._binary = walk, binary
        self._home = walk.server.folder / "workload"
        self._home.mkdir()
        address = {name: value for name, value in command_environment(walk.server).items() if name.endswith("_ADDR")}
        self.variables = {
            "ALICLOUD_ACCESS_KEY": credentials["access_key"], "ALICLOUD_SECRET_KEY": credentials["secret_key"],
            "ALICLOUD_ACCESS_KEY_STS_TOKEN": credentials["security_token"], "ALICLOUD_REGION": "cn-hangzhou", **address}

    def introduce(self) -> None:
        """Shows the environment."""
        for name, value in self.variables.items():
            print(f"export {name}={value if len(value) < 60 else value[:24] + '...'}")

    def type(self, command: str, *expected: str, code: int = 0) -> Output:
        """Types a command of the binary, or of the server's command line, in the workload's home."""
        print(f"\n$ {command}", flush=True)
        program, *arguments = shlex.split(command)
        path = str(self._binary) if program == PLUGIN else self._walk.server.program
        environment = {**clean_environment(), "HOME": str(self._home), "NO_COLOR": "1", **self.variables}
        done = subprocess.run([path, *arguments], env=environment, cwd=self._home, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        if done.stdout:
            print(done.stdout.rstrip(), flush=True)
        self._walk.check(done.returncode == code, f"`{command}` ended with {done.returncode}")
        for text in expected:
            self._walk.check(text in done.stdout, f"`{command}` did not print {text!r}")
        return Output(command, done.returncode, done.stdout)

    def file(self, name: str) -> str:
        """A file that a command wrote."""
        return (self._home / name).read_text("utf-8")


def auth_method(walk: Walk, binary: Path) -> None:
    """The whole part; what it leaves is the mount, see `disable`."""
    enable(walk, binary)
    write_roles(walk)
    workload = _workload(walk, binary)
    role_id = _log_in(walk, workload)
    _signed_request(walk, workload)
    _bind_server(walk, workload)
    _products_own_login(walk, workload)
    _bindings(walk, workload, role_id)


def disable(walk: Walk) -> None:
    """Takes the mount away, and with it the tokens of all logins."""
    walk.type("auth disable alicloud", "Success!")


def enable(walk: Walk, binary: Path) -> None:
    """Mounts it."""
    walk.chapter("Log in with a RAM identity: enable the auth method")
    walk.say("The same file is the auth method too.")
    version = walk.register(binary, "auth")
    walk.type(f"auth enable -plugin-version={version} alicloud", "Success!")


def write_roles(walk: Walk) -> None:
    """A role, and the policy that it gives."""
    walk.chapter("Write roles of the auth method")
    walk.say("Sessions of this RAM role may log in, and get a token with these policies:")
    walk.type("policy write dev -", "Success!", stdin='path "secret/data/dev/*" {\n  capabilities = ["read"]\n}\n')
    walk.type(f"write auth/alicloud/role/dev arn={walk.cloud.arn('vault-target')} "
              "token_policies=dev token_ttl=1h token_max_ttl=8h", "Success!")
    walk.type("read auth/alicloud/role/dev", "vault-target", "token_policies")


def _workload(walk: Walk, binary: Path) -> Workload:
    walk.chapter("A workload with an identity")
    walk.say("On an ECS instance the metadata service gives it. Here the secrets engine issues it, as STS credentials:")
    output = walk.type("read -format=json alicloud/creds/role-based", "security_token")
    workload = Workload(walk, binary, json.loads(output.text)["data"])
    walk.say("In the environment of the workload, which has no token:")
    workload.introduce()
    return workload


def _log_in(walk: Walk, workload: Workload) -> str:
    walk.chapter("Log in")
    fields = workload.type(f"{PLUGIN} login -role=dev", "token_duration", "token_meta_role_name").fields()
    walk.check(fields["token_duration"] == "1h", "the token does not live for an hour")
    walk.check(fields["token_policies"] == '["default" "dev"]', "the token has other policies")
    walk.say("What the server knows of the token:")
    walk.type(f"token lookup {fields['token']}", "acs:ram::", "assumed-role/vault-target", "auth/alicloud/login")
    walk.type(f"token renew {fields['token']}", "token_renewable")
    walk.say("The token alone, for an agent's token-file method or for a script:")
    workload.type(f"{PLUGIN} login -role=dev -output=token", "it is valid for 1h")
    walk.check(len(workload.file("token").split()) == 1, "the file has something else than a token")
    return fields["token_meta_role_id"]


def _signed_request(walk: Walk, workload: Workload) -> None:
    walk.chapter("What is sent: a signed request")
    workload.type(f"{PLUGIN} sign -role=dev -output=payload.json")
    payload = json.loads(workload.file("payload.json"))
    walk.say(f"payload.json has {', '.join(payload)}. The URL in it, decoded:")
    url = urlsplit(_decoded(payload["identity_request_url"]))
    print(f"#   {url.scheme}://{url.netloc}{url.path}")
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        print(f"#     {name}={value[:8] + '...' if name in _SHORTENED else value}")
    walk.say("The plugin sends it to STS, which says whose it is. It logs in once:")
    client = os.path.basename(walk.server.program)
    workload.type(f"{client} write auth/alicloud/login @payload.json", "token_policies", "dev")
    walk.say("Whoever finds the file later finds it used up:")
    workload.type(f"{client} write auth/alicloud/login @payload.json", "Code: 403", "used before", code=2)
    walk.say("And the plugin talks to STS alone, whatever host was signed for:")
    workload.type(f"{PLUGIN} sign -role=dev -sts-endpoint=sts.oss-cn-hangzhou.aliyuncs.com -output=payload.json")
    workload.type(f"{client} write auth/alicloud/login @payload.json", "Code: 403", "list of STS hosts", code=2)


def _bind_server(walk: Walk, workload: Workload) -> None:
    walk.chapter("Bind logins to this server")
    walk.say("A request that was signed for another server, or stolen there, is then worth nothing here.")
    walk.type(f"write auth/alicloud/config server_id={_SERVER_ID}", "Success!")
    workload.type(f"{PLUGIN} login -role=dev", "VaultServerId", code=1)
    workload.type(f"{PLUGIN} login -role=dev -server-id=other.example.com", "not the id of this server", code=1)
    workload.type(f"{PLUGIN} login -role=dev -server-id={_SERVER_ID} -token-helper", "it is valid for 1h")
    walk.type("read auth/alicloud/config", _SERVER_ID, "ram_alias")
    walk.type("write auth/alicloud/config server_id=", "Success!")


def _products_own_login(walk: Walk, workload: Workload) -> None:
    """Vault's command line has a login for AliCloud; OpenBao's has none."""
    if not os.path.basename(walk.server.program).startswith("vault") or shutil.which("vault") is None:
        return
    walk.chapter("Log in with Vault's own command line")
    walk.say("Its SDK may let the request out behind an HTTPS proxy; without one it only signs.")
    key = {name: workload.variables[f"ALICLOUD_{name}"] for name in ("ACCESS_KEY", "SECRET_KEY")}
    token = workload.variables["ALICLOUD_ACCESS_KEY_STS_TOKEN"]
    workload.type(f"vault login -method=alicloud -no-store region=cn-hangzhou role=dev access_key={key['ACCESS_KEY']} "
                  f"secret_key={key['SECRET_KEY']} security_token={token}", "token_policies")


def _bindings(walk: Walk, workload: Workload, role_id: str) -> None:
    walk.chapter("Bind to many, or to one more exactly")
    account = walk.cloud.account_id
    walk.say("All RAM roles and users whose names begin so:")
    walk.type(f"write auth/alicloud/role/team bound_arns='acs:ram::{account}:role/vault-*' "
              f"bound_arns='acs:ram::{account}:user/team-*' token_policies=dev", "Success!")
    workload.type(f"{PLUGIN} login -role=team -token-only")
    walk.say("Everybody of an account:")
    walk.type(f"write auth/alicloud/role/account bound_account_ids={account} token_ttl=10m", "Success!")
    workload.type(f"{PLUGIN} login -role=account -token-only")
    walk.say("This very RAM role, and none that is made anew under its name:")
    walk.type(f"write auth/alicloud/role/exact arn={walk.cloud.arn('vault-target')} bound_role_ids={role_id}",
              "Success!")
    workload.type(f"{PLUGIN} login -role=exact -token-only")
    walk.say("Another RAM role:")
    walk.type(f"write auth/alicloud/role/other arn={walk.cloud.arn('vault-short')}", "Success!")
    workload.type(f"{PLUGIN} login -role=other", "does not match the role's arn", code=1)
    walk.type("list auth/alicloud/role", "account", "dev", "exact", "other", "team")
    walk.type("read auth/alicloud/role/team", "role/vault-*")


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()
