"""A TCP proxy between client and router that can lose everything without a word, as a broken network does."""

from __future__ import annotations

import asyncio


class Proxy:
    """`stall()`: nothing passes any more, and nobody is told. `heal()`: new connections pass again.

    `target` is the router's port; it may change, and nobody need listen there.
    """

    def __init__(self, port: int):
        self.target = port
        # What the client says, and what the router says.
        self._requests, self._answers = asyncio.Event(), asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task] = set()
        self.connections = 0

    async def __aenter__(self):
        self._requests.set()
        self._answers.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stall(self, requests: bool = True, answers: bool = True):
        """What is on its way in these directions never arrives."""
        if requests:
            self._requests.clear()
        if answers:
            self._answers.clear()

    def heal(self):
        """The old connections stay broken, and what they held is lost."""
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        self._requests.set()
        self._answers.set()

    def cut(self):
        """Resets all connections."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _accept(self, reader, writer):
        self.connections += 1
        try:
            out_reader, out_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers += [writer, out_writer]
        for source, sink, flows in ((reader, out_writer, self._requests), (out_reader, writer, self._answers)):
            task = asyncio.ensure_future(self._pump(source, sink, flows))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source, sink, flows):
        try:
            while data := await source.read(65536):
                await flows.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            if flows.is_set():
                sink.transport.abort()
