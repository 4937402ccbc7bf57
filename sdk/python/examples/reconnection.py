"""What happens when the router goes away: states, waiting events, and nothing to do about it.

    python reconnection.py [ws://localhost:9090] [EVENTS]

Stop and start the router while it runs.
"""

from __future__ import annotations

import asyncio
import sys

from gadugi_router import Event, EventRouterClient, StateChange


async def main(url: str, events: int) -> None:
    """Publishes an event each tenth of a second, come what may."""
    client = EventRouterClient(url, max_reconnect_interval=2.0)
    came = 0

    @client.on_state_change
    def state(change: StateChange) -> None:
        print(f"{change.old.value} -> {change.new.value}", f"({change.reason})" if change.reason else "", flush=True)

    @client.on("tick")
    def tick(event: Event) -> None:
        nonlocal came
        came += 1

    await client.connect()
    handles = []
    for number in range(events):
        handles.append(client.publish_nowait("tick", number))
        await asyncio.sleep(0.1)
    results = [await handle for handle in handles]
    again = sum(result.attempts > 1 for result in results)
    await client.ping()
    print(f"published {sum(map(bool, results))} of {events}, {again} of them more than once; {came} came back")
    await client.disconnect()


if __name__ == "__main__":
    where = sys.argv[1] if len(sys.argv) > 1 else "ws://localhost:9090"
    asyncio.run(main(where, int(sys.argv[2]) if len(sys.argv) > 2 else 100))
