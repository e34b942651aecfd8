"""Which refusals of a cluster which fault explains.

A request that meets a fault may fail, but only with one of these texts, and only while the fault or its mending goes
on. Whatever else fails is a finding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

LEADER_KILLED = "leader killed"
FOLLOWER_KILLED = "follower killed"
STEPPED_DOWN = "leader stepped down"
SEALED = "leader sealed"
PLUGIN_KILLED = "plugin killed"
FROZEN = "followers frozen"
#: Tenants who mean ill explain no failure of anybody else's request: no cause names these.
FORGED_LOGINS = "forged logins"
HANGING_CREDS = "hanging credentials"
HOSTILE = {FORGED_LOGINS, HANGING_CREDS}

#: Faults after which another node leads, or may lead.
_LEADER_GOES = {LEADER_KILLED, STEPPED_DOWN, SEALED, FROZEN}


@dataclass(frozen=True)
class Cause:
    """One way to fail: what it looks like, and after which faults."""

    name: str
    statuses: set[int]
    text: str
    faults: set[str]

    def fits(self, status: int, text: str) -> bool:
        """Whether this is it."""
        return status in self.statuses and re.search(self.text, text) is not None


#: What the server makes of an error within: it answers 400 where a lease is renewed or revoked.
_WITHIN = {400, 500, 503}

#: Status 0 stands for no answer; the text is then the exception's. The first that fits counts.
CAUSES = (
    Cause("node is down", {0}, "ConnectionRefused|ConnectionReset|RemoteDisconnected|BrokenPipe|IncompleteRead",
          {LEADER_KILLED, FOLLOWER_KILLED}),
    Cause("no answer in time", {0}, "timed out", {FROZEN}),
    Cause("node is sealed", {503}, "Vault is sealed", {LEADER_KILLED, FOLLOWER_KILLED, SEALED}),
    Cause("nobody leads", {500, 503}, "active cluster node not found", _LEADER_GOES),
    # Clients follow once; the node that they are sent to has just lost its office, and sends them on.
    Cause("sent on twice", {307}, "", _LEADER_GOES),
    Cause("leader lost its office", _WITHIN,
          "leadership lost|not the leader|leadership transfer|raft is already shutdown", _LEADER_GOES),
    # The server's word for a lease or a token that it cannot store, and for a plugin that ends while it is asked whether
    # a role is there.
    Cause("not stored, or not asked", {500}, r"internal error\s*$", {*_LEADER_GOES, PLUGIN_KILLED}),
    Cause("plugin's process ended", _WITHIN,
          "code = Unavailable.*(unix|plugin|reading from server)|plugin is shut down",
          {PLUGIN_KILLED, STEPPED_DOWN, SEALED, FROZEN}),
    Cause("cancelled", _WITHIN, "context canceled|code = Canceled", _LEADER_GOES),
)


@dataclass
class Window:
    """A fault, from when it was made until all was mended; times are those of `time.time()`."""

    fault: str
    what: str
    started: float
    ended: float = field(default=float("inf"))

    def meets(self, started: float, ended: float) -> bool:
        """Whether something that took that long met it."""
        return started <= self.ended and ended >= self.started


def cause_of(status: int, text: str) -> Cause | None:
    """How it failed, if that is one of the known ways."""
    return next((cause for cause in CAUSES if cause.fits(status, text)), None)


def explained(status: int, text: str, faults: set[str]) -> bool:
    """Whether one of these faults explains this refusal."""
    cause = cause_of(status, text)
    return cause is not None and bool(cause.faults & faults)
