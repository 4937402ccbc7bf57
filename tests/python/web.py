"""Asks a router over HTTP, where it tells about itself: admin.http."""
import asyncio
import json
import re
from typing import NamedTuple

from client import PATIENCE

PAGE = re.compile(r"health and metrics on http://(?:127\.0\.0\.1|\[::1\]|0\.0\.0\.0):(\d+)")


class Answer(NamedTuple):
    status: int
    # Names in lower case.
    headers: dict[str, str]
    body: str

    @property
    def json(self):
        return json.loads(self.body)


class Web:
    """One connection, that asks one thing after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader, self.writer = reader, writer

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.writer.close()

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), PATIENCE)

    async def ask(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        await self.send(request(path, method, body, **headers))
        return await self.answer(method)

    async def answer(self, method: str = "GET") -> Answer:
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)).decode()
        line, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        assert len(headers) == len(lines), "no header twice"
        length = 0 if method == "HEAD" else int(headers.get("content-length", 0))
        body = await asyncio.wait_for(self.reader.readexactly(length), PATIENCE)
        return Answer(int(line.split()[1]), headers, body.decode())

    async def rest(self, patience: float = PATIENCE) -> str:
        """Everything until the router closes; a reset is an end too."""
        data = b""
        try:
            while more := await asyncio.wait_for(self.reader.read(1 << 16), patience):
                data += more
        except ConnectionError:
            pass
        return data.decode(errors="replace")


def request(path: str, method: str = "GET", body: bytes = b"", version: str = "1.1", **headers: str | None) -> bytes:
    """Headers as content_type="…"; None leaves one out."""
    wanted = {"Host": "localhost"} | ({"Content-Length": str(len(body))} if body else {})
    wanted |= {name.replace("_", "-").title(): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in wanted.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/{version}", *lines, "", ""]).encode() + body


def port_of(router) -> int:
    found = PAGE.search(router.log())
    assert found, f"no HTTP: {router.log()}"
    return int(found[1])


async def browse(router) -> Web:
    """A new connection to a Router, or to a port."""
    port = router if isinstance(router, int) else port_of(router)
    return Web(*await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), PATIENCE))


async def ask(router, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    """One request on a connection of its own."""
    async with await browse(router) as web:
        return await web.ask(path, method, body, **headers)


async def metrics(router, **headers: str) -> dict[str, float]:
    """All samples, by name with labels in the order of their names."""
    answer = await ask(router, "/metrics", **headers)
    assert answer.status == 200
    return samples(answer.body)


def samples(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
        key = name + (f"{{{','.join(sorted(labels.split(',')))}}}" if labels else "")
        assert key not in found, f"twice: {key}"
        found[key] = float(value)
    return found
