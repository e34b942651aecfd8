"""`metrics` of both backends: what a scraper gets, what moves, what never shows, and the dashboard and alerts on it."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakecloud import Control
from harness.api import Api
from harness.cli import Cli
from harness.engine import Engine
from harness.method import AuthMethod
from harness.metrics import PREFIX, Scrape, scrape
from harness.places import ROOT, plugin_binary, version_of
from harness.signing import v1

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def _read(engine: Engine) -> Scrape:
    return scrape(engine.api, engine.path)


def _token(api: Api, name: str, policy: str, **more: Any) -> Api:
    api.write(f"sys/policies/acl/{name}", policy=policy).ok()
    made = api.call("PUT", "auth/token/create", {"policies": [name], **more}).ok()
    return api.as_token(made.body["auth"]["client_token"])


def _assert_conventions(answer: Scrape) -> None:
    """Those of Prometheus: names, types, help, and numbers."""
    assert answer.content_type == _CONTENT_TYPE
    for name, family in answer.families().items():
        assert f"# HELP {PREFIX}{name}" in answer.text and f"# TYPE {PREFIX}{name}" in answer.text
        assert family.documentation.endswith("."), name
        assert family.name.startswith(PREFIX) and family.type in ("counter", "gauge", "summary"), family
        declared = re.search(rf"^# TYPE ({PREFIX}{name}\w*) (\w+)$", answer.text, re.M)
        assert declared and (declared[1].endswith("_total") == (declared[2] == "counter")), declared
        assert re.fullmatch(r"[a-z][a-z0-9_]+", name) and not name.endswith(("_ms", "_minutes", "_kib")), name
        assert family.type != "summary" or name.endswith("_seconds"), name
        for sample in family.samples:
            assert math.isfinite(sample.value) and sample.value >= 0, sample
            assert set(sample.labels) <= {"class", "job", "operation", "outcome", "source", "trigger", "version"}, sample
    assert answer.values()


def test_the_text_is_prometheus_and_keeps_its_conventions(engine: Engine) -> None:
    engine.creds(engine.full_role()).ok()
    engine.api.list(f"{engine.path}/orphans").refused(404)
    answer = _read(engine)
    _assert_conventions(answer)
    assert answer.value("build_info", version=version_of(plugin_binary())) == 1
    assert answer.value("orphans") == 0
    # Nothing of the mount is in a name.
    assert engine.path.replace("-", "_") not in answer.text


def test_counters_move_with_what_they_count(engine: Engine, control: Control) -> None:
    role = engine.full_role()
    before = _read(engine)
    assert before.value("lease_operations_total", operation="issue", outcome="success") == 0
    assert before.value("cloud_calls_total", operation="CreateUser", outcome="success") is None
    control.fault("throttle", "CreateUser")
    lease_id = engine.creds(role).ok().lease_id
    engine.renew(lease_id).ok()
    engine.revoke(lease_id).ok()
    control.fault("error", "CreateUser", status=403, code="NoPermission")
    engine.creds(role).refused(403)
    assert engine.creds("nobody").status == 404
    after = _read(engine)
    for (name, labels), value in {
        ("lease_operations_total", ("issue", "success")): 1,
        ("lease_operations_total", ("issue", "denied")): 1,
        ("lease_operations_total", ("issue", "not_found")): 1,
        ("lease_operations_total", ("renew", "success")): 1,
        ("lease_operations_total", ("revoke", "success")): 1,
        ("lease_operations_total", ("revoke", "error")): 0,
        ("cloud_calls_total", ("CreateUser", "success")): 1,
        ("cloud_calls_total", ("CreateUser", "denied")): 1,
        ("cloud_calls_total", ("DeleteUser", "success")): 1,
    }.items():
        shown = after.value(name, operation=labels[0], outcome=labels[1])
        assert shown == value, (name, labels, shown)
    assert after.value("cloud_throttled_total", operation="CreateUser") == 1
    assert after.value("cloud_call_duration_seconds_count", operation="CreateUser") == 2
    # Two tries of the first call, and one of the second.
    assert after.value("rate_limiter_wait_seconds_count", operation="CreateUser") == 3
    assert after.value("rate_limiter_queued_calls", operation="CreateUser") == 0
    used = after.value("credentials_last_used_timestamp_seconds", source="stored")
    start = after.value("process_start_time_seconds")
    assert used and start and used >= start
    assert after.value("credentials_expiry_timestamp_seconds", source="stored") is None


def test_another_mount_of_the_process_counts_for_itself(engine: Engine, make_engine: Any) -> None:
    other = make_engine()
    engine.creds(engine.remote_role()).ok()
    of_ours, of_other = _read(engine), _read(other)
    assert of_ours.value("lease_operations_total", operation="issue", outcome="success") == 1
    assert of_other.value("lease_operations_total", operation="issue", outcome="success") == 0
    assert of_other.value("cloud_calls_total", operation="CreateUser", outcome="success") is None
    start = of_ours.value("process_start_time_seconds")
    assert start and start == of_other.value("process_start_time_seconds")


def test_entries_are_those_of_the_last_tick(engine: Engine) -> None:
    assert _read(engine).value("lease_records") is None
    engine.tick()
    # No read lists storage: a lease that is made now is counted by a later run.
    engine.creds(engine.remote_role()).ok()
    after = _read(engine)
    assert (after.value("lease_records"), after.value("wal_entries")) == (0, 0)
    ticks = after.value("ticks_total")
    assert ticks and ticks >= 1
    for job in ("WAL rollback", "lease records"):
        runs = after.value("periodic_job_runs_total", job=job, outcome="complete")
        assert runs and runs >= 1, job
        assert after.value("periodic_job_entries_left", job=job) == 0


def test_logins_are_counted_by_outcome(method: AuthMethod) -> None:
    role = method.bound(ram_role="vault-target")
    before = scrape(method.api, method.path)
    _assert_conventions(before)
    signed = v1(method.session())
    method.login(role, signed).ok()
    method.login(role, signed).refused(403)
    method.login("nobody").refused(400)
    after = scrape(method.api, method.path)
    for outcome, count in {"success": 1, "denied": 1, "invalid": 1, "error": 0}.items():
        assert after.value("logins_total", outcome=outcome) == count, outcome
    assert after.value("cloud_calls_total", operation="GetCallerIdentity", outcome="success") == 1
    assert after.value("lease_operations_total", operation="issue", outcome="success") is None
    _assert_conventions(after)


def test_no_name_of_anybody_is_shown(engine: Engine) -> None:
    """A label with a name in it would be the caller's to choose: many of them, or one with a quote."""
    engine.remote_role("marked-role")
    named = _token(engine.api, f"{engine.path}-creds", f'path "{engine.path}/creds/*" {{ capabilities = ["read"] }}',
                   display_name='we"ird\\name\n')
    lease_id = engine.creds("marked-role", api=named).ok().lease_id
    for path in ('we"ird', "un\\usual", "marked-other"):
        assert named.read(f"{engine.path}/creds/{path}").status in (400, 404)
    [user] = engine.cloud.control.leftovers()["users"]
    engine.tick()
    answer = _read(engine)
    _assert_conventions(answer)
    for name in ("marked", "ird", "usual", user["user_name"], lease_id, engine.cloud.account_id,
                 engine.cloud.access_key, engine.path):
        assert name not in answer.text, name


def test_a_policy_decides_who_reads(engine: Engine, method: AuthMethod) -> None:
    for path in (engine.path, method.path):
        name = path.replace("/", "-")
        reader = _token(engine.api, f"{name}-read", f'path "{path}/metrics" {{ capabilities = ["read"] }}')
        other = _token(engine.api, f"{name}-other", f'path "{path}/config" {{ capabilities = ["read"] }}')
        assert scrape(reader, path).families()
        # As Prometheus sends it.
        bearer = scrape(reader, path, headers={"Authorization": f"Bearer {reader.token}"})
        assert bearer.families() and bearer.content_type == _CONTENT_TYPE
        for refused in (scrape(other, path), scrape(other, path, headers={"Authorization": "Bearer x"}),
                        scrape(other, path, headers={"Accept": "text/plain"})):
            assert refused.status in (400, 403) and PREFIX not in refused.text, refused


@pytest.mark.parametrize("query", ["format=prometheus", "format=", "x=1&y=2", "format=prometheus&x=%22%0A&x=2"])
def test_a_scraper_may_send_any_query(engine: Engine, query: str) -> None:
    answer = scrape(engine.api, engine.path, query)
    assert answer.families() and answer.content_type == _CONTENT_TYPE


def test_json_is_an_ordinary_answer(engine: Engine) -> None:
    families = engine.api.read(f"{engine.path}/metrics?format=json").ok().data
    text = _read(engine).families()
    assert {name.removeprefix(PREFIX).removesuffix("_total") for name in families} == set(text)
    shown = families[f"{PREFIX}process_requests_permits"]
    assert shown["type"] == "gauge" and shown["help"]
    assert {"labels": {"class": "login"}, "value": 64} in shown["samples"]
    engine.api.read(f"{engine.path}/metrics?format=xml").refused(400, "unknown format", "prometheus", "json")


def test_the_command_line_prints_both_formats(engine: Engine) -> None:
    cli = Cli(engine.server)
    printed = cli.run(f"read -format=json {engine.path}/metrics format=json").ok().text
    assert f"{PREFIX}build_info" in json.loads(printed)["data"]
    assert cli.run(f"read -format=raw {engine.path}/metrics").ok().text.startswith("# HELP ")
    # What `docs/metrics.md` warns of.
    assert cli.run(f"read {engine.path}/metrics").code != 0


def test_a_scrape_is_audited_like_any_read(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    engine.api.call("PUT", "sys/audit/metrics", {"type": "file", "options": {"file_path": str(log)}})
    try:
        assert _read(engine).families()
    finally:
        engine.api.delete("sys/audit/metrics")


#: What the scrape configuration adds to each series.
_OF_THE_TARGET = {"instance", "mount"}
_SERIES = re.compile(rf"({PREFIX}\w+)(?:\{{([^}}]*)\}})?")
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
_GROUPING = re.compile(r"(?:by|on|without|group_left) \(([^)]*)\)")
_SHOWN = re.compile(r"\{\{ *(?:\$labels\.)?(\w+) *\}\}")


def _queries() -> dict[str, tuple[str, str]]:
    """Where a query is, with the query and the texts that are made of its labels."""
    board = json.loads((ROOT / "docs/grafana-dashboard.json").read_text("utf-8"))
    found = {f"{panel['title']} {target['refId']}": (target["expr"], target["legendFormat"])
             for panel in board["panels"] for target in panel["targets"]}
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            found[f"variable {variable['name']}"] = (variable["query"], "")
    alerts = yaml.safe_load((ROOT / "docs/prometheus-alerts.yaml").read_text("utf-8"))
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    assert len(rules) == 5 and len(found) > 15
    return {**found, **{rule["alert"]: (rule["expr"], rule["annotations"]["summary"]) for rule in rules}}


def test_dashboard_and_alerts_ask_for_what_is_there(engine: Engine, method: AuthMethod) -> None:
    # The role is not permitted to list users: before it is assumed.
    engine.api.list(f"{engine.path}/orphans")
    engine.sts_role("sts")
    engine.configure(access_key=engine.cloud.access_key, secret_key=engine.cloud.secret_key,
                     role_arn=engine.cloud.arn("vault-target")).ok()
    engine.creds("sts")
    engine.tick()
    method.login(method.bound()).ok()
    there: dict[str, dict[str, set[str]]] = {}
    for answer in (_read(engine), scrape(method.api, method.path)):
        for name, labels in answer.labels().items():
            there.setdefault(name, {}).update(labels)
    asked: set[str] = set()
    for where, (query, shown) in _queries().items():
        series = _SERIES.findall(query)
        assert series, f"{where} asks for none of our series: {query}"
        labels: set[str] = set(_OF_THE_TARGET)
        for name, matchers in series:
            asked.add(name)
            assert name in there, f"{where}: there is no {name}"
            labels |= set(there[name])
            for label, operator, value in _MATCHER.findall(matchers):
                assert label in {*there[name], *_OF_THE_TARGET}, f"{where}: {name} has no label {label}"
                values = [] if value.startswith("$") else value.split("|")
                for value in values:
                    assert value in there[name][label], f"{where}: {label} is never {operator} {value}"
        named = {label.strip() for group in _GROUPING.findall(query) for label in group.split(",")}
        named |= set(_SHOWN.findall(shown)) - {"value"}
        assert named <= labels, f"{where}: no series has {named - labels}"
    assert len(asked) > 20


def test_every_series_is_documented(engine: Engine, method: AuthMethod) -> None:
    text = (ROOT / "docs/metrics.md").read_text("utf-8")
    documented = {(name, kind) for name, kind in re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.M)}
    served = {(name, kind) for answer in (_read(engine), scrape(method.api, method.path))
              for name, kind in re.findall(rf"^# TYPE {PREFIX}(\w+) (\w+)$", answer.text, re.M)}
    assert served == documented
