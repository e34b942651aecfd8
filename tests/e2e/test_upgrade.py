"""Taking a mount over from the Go plugin, and giving it back: what is stored is the same."""

from __future__ import annotations

import json

from conftest import MakeEngine
from harness.engine import Engine
from harness.storage import Storage

#: As Go's encoder writes them: compact, keys of documents sorted, markup escaped, a newline at the end.
_DOCUMENT = ('{"Statement":[{"Action":"oss:*","Effect":"Allow","Resource":"acs:oss:*:*:\\u003ca\\u003e\\u0026b"}],'
             '"Version":"1"}')
_INLINE = ('{"role_arn":"","remote_policies":null,"inline_policies":[{"hash":"0123456789abcdef0123456789abcdef",'
           '"policy_document":' + _DOCUMENT + '}],"ttl":3600000000000,"max_ttl":7200000000000}\n')
_REMOTE = ('{"role_arn":"","remote_policies":[{"name":"AliyunOSSReadOnlyAccess","type":"System"}],'
           '"inline_policies":null,"ttl":0,"max_ttl":0}\n')


def _taken_over(make_engine: MakeEngine) -> tuple[Engine, Storage]:
    engine = make_engine(configured=False)
    storage = Storage(engine)
    storage.put("config", f'{{"access_key":"{engine.cloud.access_key}","secret_key":"{engine.cloud.secret_key}"}}\n')
    storage.put("role/inline", _INLINE)
    storage.put("role/remote", _REMOTE)
    storage.put("role/sts", json.dumps({"role_arn": engine.cloud.arn("vault-target"), "remote_policies": None,
                                        "inline_policies": None, "ttl": 0, "max_ttl": 0},
                                       separators=(",", ":")) + "\n")
    return engine, storage


def test_what_the_go_plugin_stored_is_used(make_engine: MakeEngine) -> None:
    engine, _ = _taken_over(make_engine)
    assert engine.api.read(f"{engine.path}/config").ok().data["access_key"] == engine.cloud.access_key
    assert engine.api.list(f"{engine.path}/roles").ok().data["keys"] == ["inline", "remote", "sts"]
    assert engine.read_role("inline")["ttl"] == 3600
    for role in ("inline", "remote", "sts"):
        answer = engine.creds(role).ok()
        engine.revoke(answer.lease_id).ok()


def test_what_we_store_is_what_the_go_plugin_stores(make_engine: MakeEngine) -> None:
    engine, storage = _taken_over(make_engine)
    engine.write_role("inline", ttl=3600).ok()
    assert storage.text("role/inline") == _INLINE
    engine.write_role("again", remote_policies=["name:AliyunOSSReadOnlyAccess,type:System"]).ok()
    assert storage.text("role/again") == _REMOTE
    before = storage.text("config")
    engine.configure().ok()
    assert storage.text("config") == before


def test_what_another_version_stored_is_kept(make_engine: MakeEngine) -> None:
    engine, storage = _taken_over(make_engine)
    storage.put("role/remote", {**storage.get("role/remote"), "of_tomorrow": [1]})
    storage.put("config", {**storage.get("config"), "of_tomorrow": {"a": 1}})
    engine.write_role("remote", ttl=60).ok()
    engine.configure(region="cn-hangzhou").ok()
    assert storage.get("role/remote")["of_tomorrow"] == [1]
    assert storage.get("config")["of_tomorrow"] == {"a": 1}
