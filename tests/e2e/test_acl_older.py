"""Policies of the server and spellings of names, on a server that does not ask the plugin which path is meant.

All of it is for point 6 of "nobody can starve it, trick it, or make it lose track". There, a role answers to exactly
one spelling. `test_acl.py` has the servers that ask.
"""

from __future__ import annotations

import pytest
from conftest import MakeEngine, MakeMethod
from harness.api import Api
from harness.engine import REMOTE, Engine
from harness.method import AuthMethod
from harness.server import Server
from harness.storage import Storage

#: As the Go plugin stores a role, without a word on how its name was spelt.
_OF_THE_GO_PLUGIN = ('{"role_arn":"","remote_policies":[{"name":"AliyunOSSReadOnlyAccess","type":"System"}],'
                     '"inline_policies":null,"ttl":0,"max_ttl":0}\n')


@pytest.fixture
def engine(make_engine: MakeEngine, older_server: Server) -> Engine:
    """A mount on that server."""
    return make_engine(on=older_server)


@pytest.fixture
def method(make_method: MakeMethod, older_server: Server) -> AuthMethod:
    """A mount of the auth method on that server."""
    return make_method(on=older_server)


def _token(mount: Engine | AuthMethod, policy: str) -> Api:
    name = mount.path.replace("/", "-")
    mount.api.write(f"sys/policies/acl/{name}", policy=policy.replace("MOUNT", mount.path)).ok()
    made = mount.api.call("PUT", "auth/token/create", {"policies": [name]}).ok()
    return mount.api.as_token(made.body["auth"]["client_token"])


_DENIED = '''
    path "MOUNT/*" { capabilities = ["create", "read", "update", "delete", "list"] }
    path "MOUNT/role/prod-admin" { capabilities = ["deny"] }
    path "MOUNT/creds/prod-admin" { capabilities = ["deny"] }'''


@pytest.mark.parametrize("spelling", ["PROD-ADMIN", "Prod-Admin", "prod-admiN"])
def test_another_spelling_of_a_denied_role_is_refused_by_the_plugin(engine: Engine, spelling: str) -> None:
    """Point 6: the policy does not see that this is the denied role; the plugin names the spelling that it is."""
    engine.remote_role("prod-admin")
    theirs = _token(engine, _DENIED)
    engine.creds("prod-admin", api=theirs).refused(403, "permission denied")
    for method in ("GET", "PUT"):
        engine.creds(spelling, method, theirs).refused(400, "prod-admin")
    for method, body in (("GET", None), ("PUT", {"remote_policies": REMOTE}), ("DELETE", None)):
        theirs.call(method, f"{engine.path}/role/{spelling}", body).refused(400, "prod-admin")
    assert engine.cloud.control.calls(action="CreateUser") == []
    assert engine.read_role("prod-admin")["remote_policies"], "the role is as it was"


def test_a_role_answers_to_the_spelling_that_it_was_written_with(engine: Engine) -> None:
    """Point 6: whoever writes a role decides how its name is spelt."""
    engine.remote_role("Prod-Admin")
    engine.creds("Prod-Admin").ok()
    assert engine.read_role("Prod-Admin")["remote_policies"]
    for spelling in ("prod-admin", "PROD-ADMIN"):
        engine.creds(spelling).refused(400, "Prod-Admin")
        engine.api.read(f"{engine.path}/role/{spelling}").refused(400, "Prod-Admin")
    # Deleted and written anew, it has its new spelling.
    engine.api.delete(f"{engine.path}/role/Prod-Admin").ok()
    engine.remote_role("prod-admin")
    engine.creds("prod-admin").ok()
    engine.creds("Prod-Admin").refused(400, "prod-admin")


def test_a_role_of_the_go_plugin_answers_to_lower_case(engine: Engine) -> None:
    """Point 6: nobody knows how its name was spelt."""
    Storage(engine).put("role/prod-admin", _OF_THE_GO_PLUGIN)
    engine.creds("prod-admin").ok()
    engine.creds("PROD-ADMIN").refused(400, "prod-admin")


def test_leases_go_on_whatever_the_spelling(engine: Engine) -> None:
    """Point 6: a lease is the server's business, and it is renewed and revoked by its id."""
    lease_id = engine.creds(engine.remote_role("Prod-Admin", ttl="1h", max_ttl="2h")).ok().lease_id
    engine.renew(lease_id).ok()
    engine.revoke(lease_id).ok()
    assert engine.cloud.control.leftovers()["clean"]


def test_a_role_of_the_auth_method_answers_to_one_spelling(method: AuthMethod) -> None:
    """Point 6: the same for the roles of logins, as far as they are paths."""
    method.bound("prod-admin")
    theirs = _token(method, '''
        path "MOUNT/role/*" { capabilities = ["create", "read", "update", "delete"] }
        path "MOUNT/role/prod-admin" { capabilities = ["read"] }''')
    theirs.write(f"{method.path}/role/prod-admin", token_ttl=60).refused(403)
    theirs.write(f"{method.path}/role/PROD-ADMIN", token_ttl=60).refused(400, "prod-admin")
    theirs.delete(f"{method.path}/role/Prod-Admin").refused(400, "prod-admin")
    assert method.read_role("prod-admin")["token_ttl"] == 0
