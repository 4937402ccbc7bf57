"""The real Prometheus, and the tool that checks its files: Debian's package, which `tests/run` fetches."""
import asyncio
import json
import os
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from client import until
from routers import ROOT, free_port

MONITORING = ROOT / "packaging" / "monitoring"
PATIENCE = 60.0


def tool(name: str) -> Path:
    """`prometheus` or `promtool`. Without them nothing is tested, so their absence is a failure."""
    place = Path(os.environ.get("GADUGI_PROMETHEUS", ROOT / "target" / "tests" / "prometheus" / "usr" / "bin")) / name
    if not place.exists():
        pytest.fail(f"there is no {place}: `tests/run python` fetches it", pytrace=False)
    return place


def promtool(*arguments, text: str = "") -> None:
    """Runs a check, which must have nothing to say against it."""
    done = subprocess.run([tool("promtool"), *arguments], input=text, capture_output=True, text=True, cwd=MONITORING,
                          timeout=PATIENCE)
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr


class Prometheus:
    """A server that reads a router's metrics every second; its data are in `folder`."""

    def __init__(self, folder: Path, target: int):
        self.port = free_port()
        config = folder / "prometheus.yml"
        config.write_text(f"""
            global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
            rule_files: ["{MONITORING / 'prometheus-alerts.yml'}"]
            scrape_configs: [{{job_name: gadugi-router, static_configs: [{{targets: ["127.0.0.1:{target}"]}}]}}]
        """)
        self.log = folder / "prometheus.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [tool("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    async def __aenter__(self):
        await until(self._is_ready, "Prometheus is ready", PATIENCE)
        return self

    async def __aexit__(self, *_):
        self.process.terminate()
        await asyncio.to_thread(self.process.wait, PATIENCE)

    async def _is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            await asyncio.to_thread(self._get, "/-/ready")
            return True
        except OSError:
            return False

    def _get(self, path: str) -> bytes:
        # Not through a proxy, whatever the environment says.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE) as answer:
            return answer.read()

    async def ask(self, path: str, **query: str):
        """The data of an answer of its API."""
        text = await asyncio.to_thread(self._get, f"/api/v1/{path}?{urllib.parse.urlencode(query)}")
        answer = json.loads(text)
        assert answer["status"] == "success" and not answer.get("warnings"), answer
        return answer["data"]

    async def query(self, expression: str) -> dict[tuple, float]:
        """What an expression is now: values by the values of the labels, those that say where it is from left out."""
        data = await self.ask("query", query=expression)
        assert data["resultType"] == "vector", data
        known = ("__name__", "job", "instance")
        return {tuple(value for name, value in sorted(sample["metric"].items()) if name not in known):
                float(sample["value"][1]) for sample in data["result"]}
