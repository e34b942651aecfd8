"""The AWS engine in a real server: what the document shows, IAM's refusals, and what people met with such engines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest
from harness.api import Api
from harness.aws import POLICY, Aws, AwsEngine
from harness.cli import Cli
from harness.server import Server
from harness.storage import Storage
from harness.storm import revoke_storm, revoke_the_rest

MakeAws = Callable[..., AwsEngine]

#: All that the engine may call.
_TEN = {"CreateAccessKey", "CreateUser", "PutUserPolicy", "ListGroupsForUser", "ListUserPolicies", "ListAccessKeys",
        "DeleteAccessKey", "DeleteUserPolicy", "RemoveUserFromGroup", "DeleteUser"}


# === the document ===

def test_the_quick_start(make_aws_engine: MakeAws, aws_server: Server, aws: Aws) -> None:
    engine = make_aws_engine(configured=False)
    cli = Cli(aws_server)
    path = engine.path
    done = cli.run(f"write {path}/config/root access_key={aws.access_key} secret_key={aws.secret_key} region=us-east-1").ok()
    assert done.text.startswith("Success! Data written to")
    cli.run(f"write {path}/roles/deploy policy=-", stdin=json.dumps(POLICY, indent=4)).ok()
    first, second = (cli.run(f"read {path}/creds/deploy").ok().fields() for _ in range(2))
    assert set(first) == {"lease_id", "lease_duration", "lease_renewable", "access_key", "secret_key"}
    assert first["lease_id"].startswith(f"{path}/creds/deploy/") and first["lease_duration"] == "1h"
    assert first["access_key"].startswith("AKIA") and first["access_key"] != second["access_key"]
    state = aws.control.state()
    assert len(state["users"]) == 2 and all(user["user_name"].startswith("vault-") for user in state["users"])
    assert all(json.loads(policy["document"]) == POLICY for policy in state["policies"])
    for lease in (first, second):
        cli.run(f"lease revoke -sync {lease['lease_id']}").ok()
    assert aws.control.leftovers()["clean"]
    assert {call["action"] for call in aws.control.calls()} <= _TEN


def test_the_paths_of_the_document(aws_engine: AwsEngine) -> None:
    api, path = aws_engine.api, aws_engine.path
    assert aws_engine.configure().status == 204
    assert "secret" not in str(api.read(f"{path}/config/root").ok().data)
    assert aws_engine.lease("30m", "1h").status == 204
    assert api.read(f"{path}/config/lease").ok().data == {"lease": "30m0s", "lease_max": "1h0m0s"}
    assert aws_engine.write_role("deploy", policy=json.dumps(POLICY)).status == 204
    assert json.loads(api.read(f"{path}/roles/deploy").ok().data["policy"]) == POLICY
    assert api.list(f"{path}/roles").ok().data["keys"] == ["deploy"]
    answer = aws_engine.creds("deploy").ok()
    assert answer.body["lease_duration"] == 1800 and set(answer.data) == {"access_key", "secret_key"}
    assert api.delete(f"{path}/roles/deploy").status == 204
    assert api.delete(f"{path}/roles/deploy").status == 204
    api.read(f"{path}/roles/deploy").refused(404)
    assert api.call("DELETE", f"{path}/config/lease").status == 204
    for help_path in ("", "/config/root", "/config/lease", "/roles/deploy", "/creds/deploy", "/orphans"):
        shown = api.call("GET", f"{path}{help_path}?help=1").ok().body
        assert len(shown["help"]) > 300, help_path


def test_configurations_need_sudo(aws_engine: AwsEngine) -> None:
    path = aws_engine.path
    for capabilities, status in (('["create","read","update"]', 403), ('["create","read","update","sudo"]', 204)):
        policy = f'path "{path}/*" {{ capabilities = {capabilities} }}'
        aws_engine.api.write("sys/policies/acl/aws-admin", policy=policy).ok()
        token = aws_engine.api.write("auth/token/create", policies=["aws-admin"]).body["auth"]["client_token"]
        admin = Api(aws_engine.api.address, token)
        root = {"access_key": aws_engine.cloud.access_key, "secret_key": aws_engine.cloud.secret_key, "region": "us-east-1"}
        assert admin.write(f"{path}/config/root", **root).status == status
        assert admin.write(f"{path}/config/lease", lease="1h", lease_max="2h").status == status
        assert admin.write(f"{path}/roles/r", policy=json.dumps(POLICY)).status == 204


def test_refusals_are_shown_as_in_the_document(aws_engine: AwsEngine) -> None:
    aws_engine.role()
    control = aws_engine.cloud.control
    control.change("grants", actions=[])
    aws_engine.creds("deploy").refused(
        403, "Error creating IAM user: User: arn:aws:iam::123456789012:user/hashicorp is not authorized to perform: "
        "iam:CreateUser on resource: arn:aws:iam::123456789012:user/vault-root-deploy-", "(AccessDenied, request id ")
    # All but one: each step says what it is, and nothing stays.
    for missing, text in (("PutUserPolicy", "Error putting user policy: User: arn"),
                          ("CreateAccessKey", "Error creating access keys: User: arn")):
        control.change("grants", actions=sorted(_TEN - {missing}))
        aws_engine.creds("deploy").refused(403, text, f"iam:{missing} on resource")
        assert control.leftovers()["clean"]


def test_a_revocation_without_permission_succeeds_when_it_is_there(aws_engine: AwsEngine) -> None:
    control = aws_engine.cloud.control
    answer = aws_engine.creds(aws_engine.role()).ok()
    control.change("grants", actions=sorted(_TEN - {"DeleteUser"}))
    aws_engine.revoke(answer.lease_id).refused(400, "is not authorized to perform: iam:DeleteUser", "AccessDenied")
    assert len(control.state()["users"]) == 1 and not control.state()["keys"]
    control.change("grants", actions=sorted(_TEN))
    aws_engine.revoke(answer.lease_id).ok()
    assert control.leftovers()["clean"]


# === IAM ===

def test_a_user_goes_with_what_was_added_by_hand(aws_engine: AwsEngine) -> None:
    control = aws_engine.cloud.control
    answer = aws_engine.creds(aws_engine.role()).ok()
    user = aws_engine.user_of(answer)
    control.change("keys", user_name=user)
    control.change("memberships", user_name=user, group_name="admins")
    control.change("policies", user_name=user, policy_name="more", document=json.dumps(POLICY))
    aws_engine.revoke(answer.lease_id).ok()
    assert control.leftovers()["clean"]


def test_a_console_password_is_named_and_the_keys_are_gone(aws_engine: AwsEngine) -> None:
    control = aws_engine.cloud.control
    answer = aws_engine.creds(aws_engine.role()).ok()
    user = aws_engine.user_of(answer)
    control.change("login_profiles", user_name=user)
    aws_engine.revoke(answer.lease_id).refused(400, "must delete login profile first", "DeleteConflict", "remove it in IAM")
    assert not control.state()["keys"] and not control.state()["policies"]
    control.change("remove_login_profile", user_name=user)
    aws_engine.revoke(answer.lease_id).ok()


def test_users_that_are_gone_count_as_revoked(aws_engine: AwsEngine) -> None:
    control = aws_engine.cloud.control
    role = aws_engine.role()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: aws_engine.creds(role).ok(), range(20)))
    for answer in answers[::2]:
        control.change("remove", user_name=aws_engine.user_of(answer))
    aws_engine.revoke_all().ok()
    assert control.leftovers()["clean"] and aws_engine.leases(role) == []


def test_a_policy_that_iam_refuses_leaves_nothing(aws_engine: AwsEngine) -> None:
    aws_engine.role()
    # As an older version may have stored it.
    Storage(aws_engine).put("policy/deploy", '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Resource":"*"}}')
    aws_engine.creds("deploy").refused(400, "Error putting user policy: ", "MalformedPolicyDocument")
    assert aws_engine.cloud.control.leftovers()["clean"] and Storage(aws_engine).list("wal") == []


def test_a_policy_near_the_limit_is_counted_without_white_space(aws_engine: AwsEngine) -> None:
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::" + "x" * 1900}
    text = json.dumps({"Version": "2012-10-17", "Statement": statement}, indent=60)
    assert len(text) > 2048 > len("".join(text.split())) > 1950
    aws_engine.write_role("long", policy=text).ok()
    aws_engine.revoke(aws_engine.creds("long").ok().lease_id).ok()
    statement["Resource"] += "x" * 200
    aws_engine.write_role("long", policy=json.dumps({"Statement": statement})).refused(400, "policy: a policy has at most 2048")


@pytest.mark.parametrize("kind", ["throttle", "cut_after", "cut_before", "html", "empty", "unavailable"])
def test_faults_of_each_call_are_outlasted(aws_engine: AwsEngine, kind: str) -> None:
    control = aws_engine.cloud.control
    role = aws_engine.role()
    fault = {"throttle": {"kind": "throttle", "message": "Rate exceeded"},
             "cut_after": {"kind": "cut_after"}, "cut_before": {"kind": "cut_before"},
             "html": {"kind": "http", "status": 502, "body": "<html><body>Bad Gateway</body></html>"},
             "empty": {"kind": "http", "status": 503, "body": ""},
             "unavailable": {"kind": "error", "status": 503, "code": "ServiceUnavailable"}}[kind]
    faults = [control.fault(action=action, **fault) for action in ("CreateUser", "PutUserPolicy", "CreateAccessKey")]
    answer = aws_engine.creds(role).ok()
    assert [key["access_key_id"] for key in control.state()["keys"]] == [answer.data["access_key"]]
    faults += [control.fault(action=action, **fault) for action in _TEN if action.startswith(("List", "Delete"))]
    aws_engine.revoke(answer.lease_id).ok()
    assert all(control.firings(fault) == 1 for fault in faults)
    assert control.leftovers()["clean"]


def test_an_answer_that_is_none_of_iam_is_said_to_be_one(aws_engine: AwsEngine) -> None:
    role = aws_engine.role()
    aws_engine.cloud.control.fault("http", "CreateUser", status=403, body="<!DOCTYPE html><html>blocked</html>")
    aws_engine.creds(role).refused(502, "Error creating IAM user: not an answer of IAM (http status 403)")


def test_a_new_user_that_is_not_seen_yet_is_waited_for(aws_engine: AwsEngine) -> None:
    control, role = aws_engine.cloud.control, aws_engine.role()
    for action in ("PutUserPolicy", "CreateAccessKey"):
        control.fault("error", action, count=3, status=404, code="NoSuchEntity")
    aws_engine.creds(role).ok()


@pytest.mark.parametrize("offset", [3600, -3600])
def test_a_wrong_clock_costs_one_more_call(aws_engine: AwsEngine, offset: int) -> None:
    control, role = aws_engine.cloud.control, aws_engine.role()
    control.clock(offset)
    aws_engine.creds(role).ok()
    calls = control.calls(action="CreateUser")
    assert [call["code"] for call in calls] == ["SignatureDoesNotMatch", None]
    control.fault("error", "CreateUser", count=None, status=403, code="SignatureDoesNotMatch",
                  message="Signature expired: 20150830T123600Z is now earlier than 20150830T135100Z",
                  headers={"Date": formatdate(time.time() + offset, usegmt=True)})
    word = "behind" if offset > 0 else "ahead of"
    aws_engine.creds(role).refused(500, "Signature expired", f" min {word} it")


def test_each_partition_has_its_own_iam(make_aws_engine: MakeAws, aws: Aws) -> None:
    for others, region, host in ((("china",), "cn-northwest-1", "iam.cn-north-1.amazonaws.com.cn"),
                                 (("gov",), "us-gov-east-1", "iam.us-gov.amazonaws.com")):
        engine = make_aws_engine()
        access_key, secret_key = aws.info["others"][others[0]]
        engine.configure(access_key=access_key, secret_key=secret_key, region=region).ok()
        aws.control.clear_calls()
        engine.creds(engine.role()).ok()
        assert {call["host"] for call in aws.control.calls()} == {host}
        [user] = aws.control.state()["users"]
        assert user["arn"].startswith("arn:aws-cn:" if others == ("china",) else "arn:aws-us-gov:")
        engine.revoke_all().ok()
        # A key of another partition is not known there.
        engine.configure(region=region).ok()
        engine.creds("deploy").refused(403, "another partition")


def test_an_endpoint_of_ones_own_is_signed_as_ever(aws_engine: AwsEngine) -> None:
    aws_engine.configure(region="eu-west-1", iam_endpoint="iam.private.example").ok()
    aws_engine.creds(aws_engine.role()).ok()
    assert {call["host"] for call in aws_engine.cloud.control.calls()} == {"iam.private.example"}


def test_a_wrong_secret_is_told_without_it(aws_engine: AwsEngine) -> None:
    aws_engine.configure(secret_key="wrong-secret-wrong-secret", session_token="a-very-secret-token").ok()
    Api.secrets.update(("wrong-secret-wrong-secret", "a-very-secret-token"))
    refusal = aws_engine.creds(aws_engine.role()).refused(403, "the secret key does not belong", "SignatureDoesNotMatch")
    assert "secret-token" not in refusal.error


# === leases ===

def test_both_settings_rule_renewals_as_well(aws_engine: AwsEngine) -> None:
    answer = aws_engine.creds(aws_engine.role()).ok()
    assert answer.body["lease_duration"] == 3600
    aws_engine.lease("10m", "20m").ok()
    renewed = aws_engine.renew(answer.lease_id).ok()
    assert renewed.body["lease_duration"] == 600
    renewed = aws_engine.renew(answer.lease_id, increment=86400).ok()
    assert renewed.body["lease_duration"] in range(1100, 1201)
    assert "from its issue" in str(renewed.warnings)


def test_a_tuned_mount_has_its_own_lease_and_its_maximum(make_aws_engine: MakeAws) -> None:
    engine = make_aws_engine(default_lease_ttl="2h", max_lease_ttl="3h")
    role = engine.role()
    assert engine.creds(role).ok().body["lease_duration"] == 7200
    engine.lease("4h", "5h").ok()
    answer = engine.creds(role).ok()
    assert answer.body["lease_duration"] == 10800 and "lease of 4h exceeds" in str(answer.warnings)
    engine.api.delete(f"{engine.path}/config/lease").ok()
    assert engine.creds(role).ok().body["lease_duration"] == 7200


def test_credentials_go_with_the_token_that_asked_for_them(aws_engine: AwsEngine) -> None:
    role = aws_engine.role()
    api = aws_engine.api
    api.write("sys/policies/acl/aws-user", policy=f'path "{aws_engine.path}/creds/*" {{ capabilities = ["read"] }}').ok()
    token = api.write("auth/token/create", policies=["aws-user"]).body["auth"]["client_token"]
    aws_engine.creds(role, api=Api(api.address, token)).ok()
    api.write("auth/token/revoke", token=token).ok()
    deadline = time.monotonic() + 30
    while not aws_engine.cloud.control.leftovers()["clean"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


# === accounts, orphans, old data ===

def test_a_user_of_another_account_is_not_taken_for_gone(aws_engine: AwsEngine, aws: Aws) -> None:
    role = aws_engine.role()
    answer = aws_engine.creds(role).ok()
    access_key, secret_key = aws.info["others"]["other"]
    aws_engine.configure(access_key=access_key, secret_key=secret_key).ok()
    other = aws_engine.creds(role).ok()
    aws_engine.revoke(answer.lease_id).refused(400, "is in account 123456789012", "belong to account 999999999999")
    assert len(aws.control.state()["users"]) == 2
    aws_engine.revoke(other.lease_id).ok()
    aws_engine.configure().ok()
    aws_engine.revoke(answer.lease_id).ok()


def test_orphans_are_listed_and_removed(aws_engine: AwsEngine, aws: Aws) -> None:
    storage, path = Storage(aws_engine), aws_engine.path
    answer = aws_engine.creds(aws_engine.role()).ok()
    user = aws_engine.user_of(answer)
    aws_engine.api.delete(f"{path}/orphans/{user}").refused(409, "belongs to a lease")
    aws_engine.api.list(f"{path}/orphans").refused(404)
    storage.age_record(user)
    assert aws_engine.api.list(f"{path}/orphans").ok().data["keys"] == [user]
    # As in a storage that was restored from an older backup.
    storage.delete(f"issued/{user}")
    aws.control.change("users", user_name="vault-by-hand")
    aws_engine.api.delete(f"{path}/orphans/vault-by-hand").refused(400, "was not made by this mount")
    aws_engine.api.delete(f"{path}/orphans/{user}").ok()
    assert [left["user_name"] for left in aws.control.state()["users"]] == ["vault-by-hand"]
    aws.control.change("remove", user_name="vault-by-hand")


def test_a_mount_of_vaults_own_backend_is_taken_over(make_aws_engine: MakeAws, aws: Aws) -> None:
    engine = make_aws_engine(configured=False)
    storage = Storage(engine)
    storage.put("config/root", {"access_key": aws.access_key, "secret_key": aws.secret_key, "region": "us-east-1"})
    storage.put("config/lease", {"Lease": 1800 * 10**9, "LeaseMax": 3600 * 10**9})
    storage.put("policy/deploy", json.dumps(POLICY, separators=(",", ":")))
    aws.control.change("users", user_name="vault-root-1432735386-4059")
    aws.control.change("keys", user_name="vault-root-1432735386-4059")
    storage.put("wal/3c1d0b3e-0000-0000-0000-000000000000",
                {"type": "user", "data": {"UserName": "vault-root-1432735386-4059"}, "created_at": 1432735386})
    assert engine.api.list(f"{engine.path}/roles").ok().data["keys"] == ["deploy"]
    answer = engine.creds("deploy").ok()
    assert answer.body["lease_duration"] == 1800
    # Moving revokes the leases, and ticks.
    engine.tick()
    assert aws.control.leftovers()["clean"] and storage.list("wal") == []


# === the program ===

def test_an_unknown_engine_is_refused_with_the_list(aws_server: Server, aws: Aws) -> None:
    aws_server.register("gcp-users", file="vault-plugin-alicloud-gcp", args=["-engine=gcp"])
    refused = aws_server.api.call("PUT", "sys/mounts/gcp", {"type": "gcp-users"})
    assert refused.status >= 400
    assert "-engine must be alicloud or aws" in aws_server.log.read_text("utf-8")


def test_many_revocations_end_although_iam_throttles(aws_engine: AwsEngine) -> None:
    outcome = revoke_storm(aws_engine, 40)
    assert not outcome.failed, outcome.failed[0]
    assert outcome.irrevocable == 0 and outcome.repeated == 0, str(outcome)
    assert outcome.codes["Throttling"] > 0, "IAM must have throttled"
    revoke_the_rest(aws_engine)
    assert aws_engine.cloud.control.leftovers()["clean"]
