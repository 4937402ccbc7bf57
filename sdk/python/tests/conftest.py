"""What tests share. The router under test, and how async tests run, are those of tests/python.

Proxy and stand-ins are those of tests/conformance.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("sdk/python/src", "tests/python", "tests/conformance")
sys.path[:0] = [str(ROOT / folder) for folder in FOLDERS]

from coroutines import pytest_configure, pytest_pyfunc_call  # noqa: E402, F401
from fixtures import certificate, proxy, router, start  # noqa: E402, F401

from gadugi_router.credit import Credit  # noqa: E402
from gadugi_router.session import Session  # noqa: E402


@pytest.fixture
def without_credit(monkeypatch):
    """Clients that get along as with a router that has no flow control."""
    room = Credit.room

    def nothing(self, again):
        room(self, again)
        return {}

    monkeypatch.setattr(Credit, "room", nothing)
    monkeypatch.setattr(Session, "has", lambda self, feature: feature != "credit" and feature in self.features)
