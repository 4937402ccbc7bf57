"""Questions and answers between agents.

python request_reply.py [ws://localhost:9090]
"""

from __future__ import annotations

import asyncio
import sys

from gadugi_router import Event, EventRouterClient, NoResponders, RequestFailed


async def main(url: str) -> None:
    """A calculator, and somebody who asks it."""
    async with EventRouterClient(url) as calculator, EventRouterClient(url) as asker:

        @calculator.respond("calculate.divide", group="calculators")
        async def divide(event: Event) -> float:
            return float(event.payload["a"] / event.payload["b"])

        @calculator.on_error
        def known(problem: object) -> None:
            """The asker is told, so the log need not be."""

        await calculator.ping()
        reply = await asker.request("calculate.divide", {"a": 42, "b": 6})
        print("42 / 6 =", reply.payload)
        try:
            await asker.request("calculate.divide", {"a": 1, "b": 0})
        except RequestFailed as error:
            print("1 / 0:", error)
        try:
            await asker.request("calculate.sing")
        except NoResponders as error:
            print("sing:", error)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://localhost:9090"))
