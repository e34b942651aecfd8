"""The control API: plain HTTP and JSON on its own loopback port, for tests.

Every answer is a JSON object; a bad request gets 400 and `{"error": "…"}`. Members in brackets are
optional; `account_id` is allowed wherever an entity is named and defaults to the preset account.

Looking
  GET /info                     what the command prints when it is ready
  GET /state                    everything that exists; each entity with `origin` preset|control|api
  GET /leftovers                entities with origin api by kind, `missing` preset ones, `clean`
  GET /calls[?since=N&action=A]         {"calls": [...], "summary": {...}}
  GET /connections[?since=N]            {"connections": [...], "summary": {...}}
  GET /wait?[action=A&][count=N&][ended=1&][in_flight=N&][held=N&][open=N&][since=N&]timeout=S
                                blocks until so many calls have begun (or ended, with `ended`), so
                                many are in flight, so many are stopped by a `hold`, so many
                                connections are open; {"met": bool}
  DELETE /calls                 forgets both journals

Faults (fields in `faults.py`)
  POST /faults {"kind", ["action", "host", "params", "nth", "count", ...]}   {"id": N}
  GET /faults                   {"faults": [{..., "matched", "firings", "spent"}]}
  DELETE /faults[?id=N]         removes one or all and lets go whatever hangs or is held

Entities
  POST /users {"user_name", ["display_name", "comments", "grants", "keys": N, "groups": [name],
              "policies": [{"policy_type", "policy_name"}]]}     {"user_id", "arn", "keys": [...]}
  POST /renames {"user_name", "new_name"}
  POST /keys {"user_name" | "root": true, ["access_key_id", "access_key_secret"]}
  POST /keys {"access_key_id", "status"}
  POST /grants {"user_name" | "role_name", "actions": ["ram:*", ...]}
  POST /policies {"policy_name", "document" | "actions", ["description"]}
  POST /versions {"policy_name"}                              a further version, not the default
  POST /groups {"group_name", ["comments"]}
  POST /roles {"role_name", ["trust", "max_session_duration", "grants", "tags": {key: value}]}
                                makes or changes
  POST /attachments {"user_name" | "group_name" | "role_name", "policy_name", ["policy_type"]}
  POST /memberships {"user_name", "group_name"}
  POST /mfa {"user_name"}       POST /login_profiles {"user_name"}
  POST /service_credentials {"user_name", ["service_name"]}   an API key of a user
  POST /accounts {"account_id"}
  POST /sessions {"role_name", ["session_name", "seconds"]}   credentials without AssumeRole
  POST /sessions {"access_key_id", "seconds"}                 how long those have left
  POST /oidc {"provider_name", ["issuer", "client_ids", "subject", "token", "seconds"]}
  DELETE /users|keys|policies|groups|roles|attachments|memberships with the naming members as JSON:
                                removal behind the API's back, whatever hangs on it

Settings
  POST /quotas {"users": N, ...}          names in `state.DEFAULT_QUOTAS`
  POST /rates {"AttachPolicyToUser": 10, "*": 100}   calls per second; {} lifts them
  POST /consistency {"new_user"|"new_key"|"new_key_listing"|"new_policy"|"new_attachment"|
                      "deletion":
                     {"calls": N} or {"ms": M}}      {} switches lag off. Applies to later changes.
  POST /hosts {"host", ["product": "Ram"|"Sts"|"Ims", "vpc": id of its callers', "remove": true]}
  POST /clock {"offset_seconds": S}       POST /recycle_bin {"enabled": bool}
  POST /metadata {["role_name", "mode", "lifetime", "status", "rotate": true, "invalidate": true]}
                                see `metadata.py`; GET: {"requests", "access_key_id"}
  POST /credentials_uri {["role_name", "lifetime", "status", "rotate": true, "invalidate": true]}
                                see `credentials_uri.py`; GET: {"asked", "access_key_id"}
  POST /baseline                what exists now no longer counts as left over
  POST /reset                   preset and seed again, no faults, empty journals, clock at zero
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from . import views
from .errors import ApiError
from .faults import Fault

if TYPE_CHECKING:
    from .fake import FakeCloud
    from .metadata import MetadataService


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class ControlServer:
    """Serves the control API of one fake."""

    def __init__(self, fake: FakeCloud) -> None:
        control = self
        self._fake = fake

        class Handler(BaseHTTPRequestHandler):
            """Hands every request to the control server."""

            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                text = self.rfile.read(length)
                status, answer = control.handle(self.command, self.path, text)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = _handle

            def log_message(self, *_: Any) -> None:
                """Nothing: the output belongs to the ready line."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,),
                                        name="fakecloud-control", daemon=True)

    @property
    def port(self) -> int:
        """The control port."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begins to serve."""
        self._thread.start()

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def handle(self, method: str, target: str, text: bytes) -> tuple[int, dict[str, Any]]:
        """One control request: status and answer."""
        path, _, query = target.partition("?")
        args = dict(parse_qsl(query))
        try:
            body = json.loads(text) if text else {}
            answer = self._dispatch(method, path.strip("/"), args, body)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            return 400, {"error": f"{type(error).__name__}: {error}"}
        except ApiError as error:
            return 400, {"error": f"{error.code}: {error.message}"}
        if answer is None:
            return 404, {"error": f"no {method} /{path.strip('/')}"}
        return 200, answer

    def _dispatch(self, method: str, name: str, args: dict[str, str],
                  body: dict[str, Any]) -> dict[str, Any] | None:
        fake = self._fake
        if method == "GET":
            return self._get(name, args)
        if method == "DELETE":
            return self._delete(name, args, body)
        if name == "faults":
            return {"id": fake.faults.add(Fault.from_json(body))}
        if name == "reset":
            fake.reset()
            return {}
        if name == "metadata":
            self._metadata().configure(**body)
            return {}
        if name == "credentials_uri":
            fake.credentials_uri.configure(**body)
            return {}
        with fake.cloud.lock:
            if name == "baseline":
                views.baseline(fake.cloud)
                return {}
            action = fake.actions.table.get(name)
            return None if action is None else action(body)

    def _get(self, name: str, args: dict[str, str]) -> dict[str, Any] | None:
        fake, since = self._fake, int(args.get("since", 0))
        if name == "info":
            return fake.info()
        if name == "calls":
            return {"calls": fake.recorder.calls(since, args.get("action")),
                    "summary": fake.recorder.summary()}
        if name == "connections":
            return {"connections": fake.recorder.connections(since),
                    "summary": fake.recorder.summary()}
        if name == "faults":
            return {"faults": fake.faults.describe()}
        if name == "wait":
            return {"met": self._wait(args, since)}
        if name == "metadata":
            return self._metadata().describe()
        if name == "credentials_uri":
            return fake.credentials_uri.describe()
        with fake.cloud.lock:
            if name == "state":
                return views.state(fake.cloud)
            if name == "leftovers":
                return views.leftovers(fake.cloud)
        return None

    def _metadata(self) -> MetadataService:
        if self._fake.metadata is None:
            raise ValueError("the metadata service was not started")
        return self._fake.metadata

    def _delete(self, name: str, args: dict[str, str],
                body: dict[str, Any]) -> dict[str, Any]:
        fake = self._fake
        if name == "calls":
            fake.recorder.clear()
            return {}
        if name == "faults":
            return {"removed": fake.faults.remove(int(args["id"]) if "id" in args else None)}
        with fake.cloud.lock:
            return fake.actions.remove(name, body)

    def _wait(self, args: dict[str, str], since: int) -> bool:
        def met(calls: list[dict[str, Any]], summary: dict[str, Any]) -> bool:
            hits = [c for c in calls if args.get("action") in (None, c["action"])
                    and (not args.get("ended") or c["ended"] is not None)]
            in_flight = sum(c["ended"] is None for c in hits)
            held = sum(c["held"] for c in hits)
            return (len(hits) >= int(args.get("count", 0))
                    and ("held" not in args or held == int(args["held"]))
                    and ("in_flight" not in args or in_flight == int(args["in_flight"]))
                    and ("open" not in args
                         or summary["open_connections"] == int(args["open"])))
        return self._fake.recorder.wait(met, since, float(args["timeout"]))
