"""Fixtures of all tests of clients: routers that can be restarted at their port, and proxies before them."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from proxy import Proxy
from routers import Router, free_port

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
FOR_THIS_HOST = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]


class Certificate(NamedTuple):
    """Files: who vouches for 127.0.0.1, its certificate, its key."""

    ca: Path
    chain: Path
    key: Path

    def for_server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context


@pytest.fixture
def start(tmp_path):
    """Starts routers: start(max_clients=3), start(port=port)."""
    routers: list[Router] = []

    def start_one(**settings) -> Router:
        routers.append(Router(tmp_path / f"router-{len(routers)}", **{"port": free_port(), **settings}))
        return routers[-1]

    yield start_one
    for router in routers:
        router.stop()


@pytest.fixture
def router(start):
    """A router with the built-in settings."""
    return start()


@pytest.fixture
def proxy():
    """Makes proxies that can stall: async with proxy(router.port) as between."""
    return Proxy


@pytest.fixture
def certificate(tmp_path) -> Certificate:
    """A certificate for 127.0.0.1, and an authority that nobody else knows."""
    made = Certificate(tmp_path / "ca.pem", tmp_path / "chain.pem", tmp_path / "key.pem")
    ca_key = tmp_path / "ca.key"
    new = ["openssl", "req", "-x509", "-days", "2", *NEW_KEY]
    authority = [*new, "-subj", "/CN=authority", "-out", made.ca, "-keyout", ca_key]
    host = [*new, "-subj", "/CN=host", *FOR_THIS_HOST, "-CA", made.ca, "-CAkey", ca_key]
    for command in (authority, [*host, "-out", made.chain, "-keyout", made.key]):
        subprocess.run(command, check=True, capture_output=True)
    return made
