"""`gadugi-routerctl` commands that go on, read line by line."""
import asyncio
import subprocess

from client import connect
from control import PATIENCE, ctl, folder_of
from routers import environment


class Watcher:
    """A command that goes on. Its output is read line by line."""

    def __init__(self, router, *words, env=None, folder=None):
        self.process = subprocess.Popen(
            [ctl(), *words], env=environment(folder or folder_of(router)) | (env or {}), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    async def line(self) -> str:
        """The next line of stdout."""
        return await self._line(self.process.stdout)

    async def notice(self) -> str:
        """The next line of stderr."""
        return await self._line(self.process.stderr)

    async def _line(self, stream) -> str:
        line = await asyncio.wait_for(asyncio.to_thread(stream.readline), PATIENCE)
        return line.removesuffix("\n")

    async def ended(self) -> int:
        return await asyncio.to_thread(self.process.wait, PATIENCE)


async def watching(router, *words, **extra) -> Watcher:
    """One that has subscribed."""
    watcher = Watcher(router, *words, **extra)
    notice = await watcher.notice()
    assert notice.startswith("gadugi-routerctl: watching ") or '"message":"watching ' in notice, notice
    return watcher


async def publish(router, *events: dict) -> None:
    async with await connect(router) as client:
        await client.publish_many(list(events))
