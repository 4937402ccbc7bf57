"""What a router leaves behind when it ends: its last log record, and its spool."""
import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

class Result(NamedTuple):
    """How a drain ended: what was not delivered, by priority, and for how many subscribers."""

    left: Counter
    subscribers: int
    spooled: Counter
    dead: Counter


def drain_result(log: str) -> Result:
    """Reads the records of the drain's result from a log in JSON. The only place that knows their names."""
    records = [json.loads(line) for line in log.splitlines() if line.startswith("{")]

    def last(message: str) -> dict:
        found = [record for record in records if record.get("message", "").startswith(message)]
        assert found, f"no record {message!r} in {records[-5:]}"
        return found[-1]

    drained, stopped = last("drained"), last("stopped")
    spooled, dead = by_priority(stopped["spooled"]), by_priority(stopped["dead"])
    assert stopped["late"] or by_priority(drained.get("by_priority", "")) == spooled + dead
    return Result(spooled + dead, drained.get("subscribers", 0), spooled, dead)


def by_priority(text: str) -> Counter:
    """`10:3 5:12` as a count for each priority."""
    pairs = (pair.split(":") for pair in text.split())
    return Counter({int(priority): int(count) for priority, count in pairs})


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
