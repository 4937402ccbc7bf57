"""Writes docs/python-client.md, the reference of this package, from its docstrings.

python tools/reference.py [FILE]

A test compares the two, so that the page is never older than the code.
"""

from __future__ import annotations

import enum
import inspect
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "python-client.md"
sys.path.insert(0, str(ROOT / "sdk" / "python" / "src"))

import gadugi_router  # noqa: E402

HEAD = """\
# The client for Python

All public names of `gadugi_router`, made from its docstrings by `python sdk/python/tools/reference.py`. How to begin,
and what to choose, is in the [README](../sdk/python/README.md); how clients behave in
[client-behaviour.md](client-behaviour.md); what to do when one does not in [troubleshooting.md](troubleshooting.md).

"""
SECTIONS = {
    "Clients": ["EventRouterClient", "SyncEventRouterClient", "EventStream"],
    "Events": ["Event", "EventMetadata", "EventPriority", "EventType", "DeliveryStatus"],
    "Acknowledged delivery": ["Delivery", "Nack", "Backlog", "DeadLetter"],
    "What the client tells": [
        "PublishResult", "PendingPublish", "ConnectionState", "StateChange", "Gap", "HandlerError",
    ],
    "Exceptions": [
        "GadugiError", "ConnectionFailed", "MaxClientsReached", "AuthenticationError", "NotConnected", "RouterError",
        "InvalidEvent", "InvalidSubscription", "UnsupportedByRouter", "BufferFull", "PublishTimeout", "RequestTimeout",
        "NoResponders", "RequestFailed",
    ],
    "Other": ["__version__"],
}  # fmt: skip
# The sections of a docstring, and how they are introduced.
PARTS = {"Args": "Arguments", "Returns": "Returns", "Raises": "Raises", "Attributes": "Attributes"}
# For this package's own parts.
INTERNAL = {"add_subscription", "expect_reply"}


class Plain(str):
    """Text that stands in a signature as it is."""

    __slots__ = ()
    __repr__ = str.__str__


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}\n\n")
        parts += [entry(name, getattr(gadugi_router, name)) for name in names]
    return "".join(parts).rstrip() + "\n"


def entry(name: str, thing: Any) -> str:
    """One public name."""
    if not inspect.isclass(thing):
        return f"### `{name}`\n\nThe version of this package, `{thing}` say.\n\n"
    if issubclass(thing, enum.Enum):
        rows = "".join(f"| `{member.name}` | `{member.value!r}` |\n" for member in thing)
        return f"### `{name}`\n\n{text_of(thing)}\n\n| name | value |\n| --- | --- |\n{rows}\n"
    if issubclass(thing, Exception):
        base = thing.__bases__[0].__name__
        return f"### `{name}`\n\n*A `{base}`.* {text_of(thing)}\n\n"
    made = "" if name in ("EventStream", "PublishResult", "PendingPublish") else signature(thing)
    members = "".join(member(*each) for each in members_of(thing))
    return f"### `{name}{made}`\n\n{text_of(thing)}\n\n{members}"


def members_of(thing: type) -> list[tuple[str, Any]]:
    """What users call, in the order in which it is written."""
    found: dict[str, Any] = {}
    for base in thing.__mro__:
        if base.__module__.startswith("gadugi_router"):
            for name, value in vars(base).items():
                if is_public(name, value):
                    found.setdefault(name, value)
    return list(found.items())


def is_public(name: str, thing: Any) -> bool:
    """Whether somebody else may use it, and it says what it is for."""
    function = thing.__func__ if isinstance(thing, (classmethod, staticmethod)) else thing
    is_member = isinstance(function, property) or inspect.isfunction(function)
    return is_member and not name.startswith("_") and name not in INTERNAL


def member(name: str, thing: Any) -> str:
    """A method or a property."""
    if isinstance(thing, property):
        result = inspect.signature(thing.fget).return_annotation if thing.fget else ""
        return f"**`{name}`**: `{result}`\n\n{text_of(thing)}\n\n"
    function = thing.__func__ if isinstance(thing, (classmethod, staticmethod)) else thing
    kind = "await " if inspect.iscoroutinefunction(function) else ""
    return f"**`{kind}{name}{signature(function)}`**\n\n{text_of(function)}\n\n"


def signature(function: Any) -> str:
    """As it is called, without `self`."""
    found = inspect.signature(function)
    parameters = [plain(each) for name, each in found.parameters.items() if name not in ("self", "cls")]
    result = found.return_annotation
    is_class = inspect.isclass(function)
    return str(found.replace(parameters=parameters, return_annotation=found.empty if is_class else Plain(result)))


def plain(parameter: inspect.Parameter) -> inspect.Parameter:
    """One parameter, with annotation and default as they are written."""
    if parameter.annotation is not parameter.empty:
        parameter = parameter.replace(annotation=Plain(parameter.annotation))
    default = parameter.default
    if isinstance(default, enum.Enum):
        return parameter.replace(default=Plain(f"{type(default).__name__}.{default.name}"))
    if "factory" in repr(default):
        return parameter.replace(default=Plain("…"))
    return parameter


def text_of(thing: Any) -> str:
    """A docstring as Markdown: its sections as lists."""
    lines, found = [], ""
    for line in (inspect.getdoc(thing) or "").splitlines():
        heading = line.rstrip(":")
        if line.endswith(":") and heading in PARTS:
            found = heading
            lines.append(f"*{PARTS[found]}*\n")
        elif found and re.match(r" {4}\S", line):
            name, colon, rest = line.strip().partition(": ")
            is_named = bool(colon) and found != "Returns" and re.fullmatch(r"[\w, .]+", name)
            lines.append(f"- `{name}`: {rest}" if is_named else f"- {line.strip()}")
            if found == "Returns":
                found = "text"
        elif found:
            lines.append("  " + line.strip() if line.strip() else "")
        else:
            lines.append(line)
    return "\n".join(lines).strip()


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else PAGE).write_text(page(), encoding="utf-8")
