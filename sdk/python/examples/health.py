"""Asks the router how it is, without an event loop: for scripts, and for checks of a monitoring system.

    python health.py [ws://localhost:9090]

Ends with 0 when it is healthy, 1 when it is not, 2 when it does not answer.
"""

from __future__ import annotations

import sys

from gadugi_router import ConnectionFailed, SyncEventRouterClient


def main(url: str) -> int:
    """Prints a line for each fact."""
    try:
        with SyncEventRouterClient(url, timeout=5.0) as client:
            health = client.get_health()
    except ConnectionFailed as error:
        print(error, file=sys.stderr)
        return 2
    if health is None:
        print(f"{url} does not answer", file=sys.stderr)
        return 2
    for name, value in health.items():
        print(f"{name}: {value}")
    return 0 if health["status"] == "healthy" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "ws://localhost:9090"))
