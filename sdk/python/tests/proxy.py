"""A TCP proxy between client and router that can lose everything without a word, as a broken network does."""

from __future__ import annotations

import asyncio


class Proxy:
    """`stall()`: nothing passes any more, and nobody is told. `heal()`: new connections pass again.

    `target` is the router's port; it may change, and nobody need listen there.
    """

    def __init__(self, port: int):
        self.target = port
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task] = set()
        self.connections = 0
        # What the router says while this is true gets lost, but not what the client says.
        self.swallow_answers = False

    async def __aenter__(self):
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

    def stall(self):
        self._flows.clear()

    def heal(self):
        """The old connections stay broken."""
        self.cut()
        self._flows.set()
        self.swallow_answers = False

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
        for source, sink, from_router in ((reader, out_writer, False), (out_reader, writer, True)):
            task = asyncio.ensure_future(self._pump(source, sink, from_router))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source, sink, from_router):
        try:
            while data := await source.read(65536):
                await self._flows.wait()
                if not (from_router and self.swallow_answers):
                    sink.write(data)
                    await sink.drain()
        except OSError:
            pass
        finally:
            if self._flows.is_set():
                sink.transport.abort()
