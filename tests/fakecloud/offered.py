"""Credentials of a role that a local service offers, kept until their end is near."""

from __future__ import annotations

from .model import Session
from .state import Cloud


class OfferedSession:
    """One role's credentials. Take the cloud's lock around any use."""

    def __init__(self, cloud: Cloud, account_id: str, session_name: str) -> None:
        self._cloud = cloud
        self._account_id = account_id
        self._session_name = session_name
        self._session: Session | None = None
        #: In seconds.
        self.lifetime = 6 * 3600.0

    @property
    def key_id(self) -> str | None:
        """The key that was offered last."""
        return self._session.key_id if self._session else None

    def rotate(self, *, invalidate: bool = False) -> None:
        """The next request gets others; the old ones stay good to their end, or not."""
        if self._session is not None and invalidate:
            self._session.expires = self._cloud.clock.now()
        self._session = None

    def current(self, role_name: str) -> Session:
        """The credentials, renewed in the last tenth of their life (and not in the last two seconds,
        for the wire has whole ones) as the real services do well ahead of expiry. A reset of the
        cloud forgets the old ones."""
        now = self._cloud.clock.now()
        session = self._session
        if (session is None or session.key_id not in self._cloud.sessions
                or session.expires - now < max(self.lifetime / 10, 2)):
            role = self._cloud.role(self._cloud.account(self._account_id), role_name)
            session = self._cloud.add_session(role, self._session_name, self.lifetime)
            self._session = session
        return session
