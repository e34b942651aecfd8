"""Secrets must not show up in logs."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, quote_plus

from .api import Api
from .cloud import Cloud


def secrets_in_play(cloud: Cloud) -> set[str]:
    """The operator's secret, all secrets that were handed out, and the signatures of the calls still on record."""
    found = {cloud.secret_key} | Api.secrets
    for call in cloud.control.calls():
        for name in ("Signature", "SecurityToken"):
            if value := call["params"].get(name):
                found.add(value)
        for name, value in call["headers"]:
            if name.lower() in ("x-acs-security-token", "x-amz-security-token"):
                found.add(value)
            elif name.lower() == "authorization":
                found.add(value.rpartition("Signature=")[2])
    return {secret for secret in found if len(secret) >= 8}


def assert_no_secret_in(log: Path, cloud: Cloud) -> None:
    """Searches a log for every secret, plain and as it stands in a URL."""
    text = log.read_text("utf-8", "replace")
    assert len(text) > 1000, "the log is empty: nothing was searched"
    for secret in secrets_in_play(cloud):
        for shown in {secret, quote(secret, ""), quote_plus(secret)}:
            at = text.find(shown)
            assert at < 0, f"a secret is in the log, in the line after {text[max(0, at - 200):at]!r}"
