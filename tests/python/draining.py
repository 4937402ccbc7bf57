"""What a router leaves behind when it ends: its last log record, and its spool."""
import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

MESSAGE = "drained"


class Result(NamedTuple):
    """How a drain ended: what was not delivered, by priority, and for how many subscribers."""

    left: Counter
    subscribers: int
    spooled: int


def drain_result(log: str) -> Result:
    """Reads the record of the drain's result from a log in JSON. The only place that knows its names."""
    records = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    fields = [record.get("fields", record) for record in records]
    found = [each for each in fields if each.get("message", "").startswith(MESSAGE)]
    assert found, f"no record of a drain's result in {records[-5:]}"
    last = found[-1]
    by_priority = last["by_priority"]
    if isinstance(by_priority, str):
        by_priority = json.loads(by_priority)
    if isinstance(by_priority, list):
        by_priority = {priority: count for priority, count in enumerate(by_priority, 1)}
    left = Counter({int(priority): count for priority, count in by_priority.items() if count})
    return Result(left, last["subscribers"], last.get("spooled", 0))


def spooled(spool: Path) -> list[dict]:
    """The lines of a spool; each must be whole."""
    text = spool.read_text()
    assert text == "" or text.endswith("\n"), "the last line is cut off"
    return [json.loads(line) for line in text.splitlines()]


def spooled_numbers(spool: Path) -> list[int]:
    return [event_of(line)["payload"]["n"] for line in spooled(spool) if event_of(line)]


def event_of(line: dict) -> dict | None:
    """The event of a line of the spool; None for a line that is about the file."""
    return line.get("event")
