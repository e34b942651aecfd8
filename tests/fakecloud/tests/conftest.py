"""One fake for all tests; every test starts from the preset."""

from __future__ import annotations

import sys
from pathlib import Path
from collections.abc import Iterator

import pytest

# The package is the directory above, whatever it is called where it lives.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fakecloud import Control, FakeCloud  # noqa: E402

from helpers import Client  # noqa: E402


@pytest.fixture(scope="session")
def running() -> Iterator[FakeCloud]:
    """The fake itself."""
    with FakeCloud() as fake:
        yield fake


@pytest.fixture
def fake(running: FakeCloud) -> FakeCloud:
    """The fake as at its start."""
    running.reset()
    return running


@pytest.fixture
def control(fake: FakeCloud) -> Control:
    """Its control API."""
    return fake.control


@pytest.fixture
def client(fake: FakeCloud) -> Iterator[Client]:
    """A client with the operator's key."""
    client = Client(fake, fake.preset.access_key_id, fake.preset.access_key_secret)
    yield client
    client.close()
