"""The control API from Python tests."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

Json = dict[str, Any]


class ControlError(Exception):
    """The control API refused a request; the text is its reason."""


class Control:
    """One method per thing tests do often; `post`, `get` and `delete` reach the rest."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc

    def request(self, method: str, path: str, body: Json | None = None,
                timeout: float = 30) -> Json:
        """One request on a fresh connection; usable from any thread."""
        connection = http.client.HTTPConnection(self._address, timeout=timeout)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            answer: Json = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise ControlError(answer.get("error"))
        return answer

    def get(self, path: str, **args: Any) -> Json:
        """GET with query parameters; those that are None are left out."""
        query = urlencode({name: value for name, value in args.items() if value is not None})
        return self.request("GET", f"/{path}?{query}")

    def post(self, path: str, **body: Any) -> Json:
        """POST with a JSON object made of the keywords."""
        return self.request("POST", f"/{path}", body)

    def delete(self, path: str, **body: Any) -> Json:
        """DELETE with a JSON object made of the keywords."""
        return self.request("DELETE", f"/{path}", body)

    # === looking ===

    def state(self) -> Json:
        """Everything that exists."""
        return self.get("state")

    def leftovers(self) -> Json:
        """What API calls left behind."""
        return self.get("leftovers")

    def calls(self, since: int = 0, action: str | None = None) -> list[Json]:
        """The journal of calls."""
        calls: list[Json] = self.get("calls", since=since, action=action)["calls"]
        return calls

    def connections(self, since: int = 0) -> list[Json]:
        """The journal of CONNECTs."""
        connections: list[Json] = self.get("connections", since=since)["connections"]
        return connections

    def summary(self) -> Json:
        """Counters: calls, connections, in flight, peaks."""
        summary: Json = self.get("calls", since=1 << 60)["summary"]
        return summary

    def wait(self, timeout: float = 10, **condition: Any) -> bool:
        """Blocks until a condition on the journals holds: action, count, ended, in_flight, held,
        open, since."""
        query = urlencode({"timeout": timeout, **condition})
        met: bool = self.request("GET", f"/wait?{query}", timeout=timeout + 10)["met"]
        return met

    def clear_calls(self) -> None:
        """Forgets the journals."""
        self.delete("calls")

    # === faults ===

    def fault(self, kind: str, action: str = "*", **more: Any) -> int:
        """Injects a fault; its id."""
        fault_id: int = self.post("faults", kind=kind, action=action, **more)["id"]
        return fault_id

    def faults(self) -> list[Json]:
        """All faults with their firings."""
        faults: list[Json] = self.get("faults")["faults"]
        return faults

    def firings(self, fault_id: int) -> int:
        """How often a fault has fired."""
        return next(len(f["firings"]) for f in self.faults() if f["id"] == fault_id)

    def clear_faults(self, fault_id: int | None = None) -> None:
        """Removes one or all faults."""
        self.request("DELETE", "/faults" if fault_id is None else f"/faults?id={fault_id}")

    # === entities and settings ===

    def reset(self) -> None:
        """Everything as at the start."""
        self.post("reset")

    def baseline(self) -> None:
        """What exists now no longer counts as left over."""
        self.post("baseline")

    def user(self, user_name: str, **more: Any) -> Json:
        """A user; `keys=1` for one with a key."""
        return self.post("users", user_name=user_name, **more)

    def key(self, **body: Any) -> Json:
        """A key for `user_name=…` or `root=True`, or a new `status=…` of `access_key_id=…`."""
        return self.post("keys", **body)

    def role(self, role_name: str, **more: Any) -> Json:
        """Makes or changes a role."""
        return self.post("roles", role_name=role_name, **more)

    def policy(self, policy_name: str, **more: Any) -> Json:
        """A custom policy of `actions=[…]` or a `document=…`."""
        return self.post("policies", policy_name=policy_name, **more)

    def group(self, group_name: str, **more: Any) -> Json:
        """A group."""
        return self.post("groups", group_name=group_name, **more)

    def grant(self, actions: list[str], **holder: str) -> None:
        """Replaces what `user_name=…` or `role_name=…` may do."""
        self.post("grants", actions=actions, **holder)

    def session(self, **body: Any) -> Json:
        """Credentials of `role_name=…`."""
        return self.post("sessions", **body)

    def quotas(self, **limits: int) -> None:
        """Other limits."""
        self.post("quotas", **limits)

    def rates(self, **rates: float) -> None:
        """Calls per second by action; none to lift all."""
        self.post("rates", **rates)

    def consistency(self, **lags: Json) -> None:
        """Lag of changes; none to switch it off."""
        self.post("consistency", **lags)

    def clock(self, offset_seconds: float) -> None:
        """Shifts the cloud's clock."""
        self.post("clock", offset_seconds=offset_seconds)

    def host(self, host: str, product: str = "Sts") -> None:
        """A further host name."""
        self.post("hosts", host=host, product=product)
