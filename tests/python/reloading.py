"""A router whose file changes while it runs, and what its log says of that.

A notify socket tells when a reload is over, so that nothing here depends on how the log puts it.
"""
import asyncio
import re
import signal

from client import until
from notify import NotifySocket


class Reloading:
    """A router on `config`, started by the fixture `start`. Only its file has settings, which a reload can change."""

    def __init__(self, start, config: str = "", **options):
        self.supervisor = NotifySocket()
        self.router = start(config=config, extra_env=self.supervisor.env, **options)

    async def __aenter__(self):
        await asyncio.to_thread(self.supervisor.wait_for, "READY=1")
        return self

    async def __aexit__(self, *_):
        await asyncio.to_thread(self.router.stop)
        self.supervisor.close()

    async def to(self, config: str) -> "Log":
        """Has the router read this as its file, and waits until it is done with it. Returns the log of this."""
        self.router.config_file.write_text(config)
        return await self.again()

    async def again(self) -> "Log":
        """Has the router read its file, whatever became of it."""
        log, position = Log(self.router), self.supervisor.position()
        self.router.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(self.supervisor.wait_for, "RELOADING=1", "MONOTONIC_USEC", after=position)
        await asyncio.to_thread(self.supervisor.wait_for, "READY=1", after=position)
        return log


class Log:
    """What a router logs from now on. It is written by a thread of its own, so that lines are waited for."""

    def __init__(self, router):
        self.router = router
        self.begin = len(router.log())

    def from_the_start(self) -> "Log":
        self.begin = 0
        return self

    def text(self) -> str:
        return self.router.log()[self.begin:]

    async def says(self, *words: str) -> str:
        """Waits for a line in which all of these (regular expressions) occur in this order, and returns it."""
        pattern = re.compile(".*?".join(words))

        def line():
            return next((line for line in self.text().splitlines() if pattern.search(line)), None)
        return await until(line, f"the log says {' … '.join(words)}; it says:\n{self.text()}")

    async def says_changed(self, key: str, old, new) -> str:
        return await self.says(rf"\b{re.escape(key)}\b", rf"(?<![\w.]){re.escape(str(old))}(?![\w.])",
                               rf"(?<![\w.]){re.escape(str(new))}(?![\w.])")
