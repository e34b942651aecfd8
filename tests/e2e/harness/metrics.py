"""The `metrics` path of a mount, as a scraper sees it."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from .api import Api

#: What the name of every series begins with.
PREFIX = "vault_plugin_alicloud_"


@dataclass(frozen=True)
class Scrape:
    """One answer in the text format."""

    status: int
    content_type: str
    text: str

    def families(self) -> dict[str, Metric]:
        """The families by name, without the prefix. The parser takes `_total` from the names of counters."""
        assert self.status == 200, self.text
        found = {family.name.removeprefix(PREFIX): family for family in text_string_to_metric_families(self.text)}
        assert found
        return found

    def values(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """All samples, by name and labels; none may be there twice."""
        found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for family in self.families().values():
            for sample in family.samples:
                key = (sample.name.removeprefix(PREFIX), frozenset(sample.labels.items()))
                assert key not in found, f"twice: {key}"
                found[key] = sample.value
        return found

    def value(self, name: str, **labels: str) -> float | None:
        """One sample, if it is there."""
        return self.values().get((name, frozenset(labels.items())))

    def labels(self) -> dict[str, dict[str, set[str]]]:
        """Of each series the labels, and of each label the values."""
        found: dict[str, dict[str, set[str]]] = {}
        for name, labels in self.values():
            of_series = found.setdefault(PREFIX + name, {})
            for label, value in labels:
                of_series.setdefault(label, set()).add(value)
        return found


def scrape(api: Api, path: str, query: str = "", headers: dict[str, str] | None = None) -> Scrape:
    """Reads the path of a mount, with the token of `api` unless `headers` bring another."""
    connection = http.client.HTTPConnection(urlsplit(api.address).netloc, timeout=60)
    try:
        target = f"/v1/{path}/metrics" + (f"?{query}" if query else "")
        connection.request("GET", target, headers=headers or {"X-Vault-Token": api.token})
        answer = connection.getresponse()
        return Scrape(answer.status, answer.getheader("Content-Type", ""), answer.read().decode())
    finally:
        connection.close()
