"""Checks which way the rooms of `src/` import each other, and that the engine stays without I/O.

    python3 .ci/checks/imports.py [TREE]

Prints `file:line: what is wrong` for each import that may not be, and fails if there is one. It reads Rust
as a stream of words, not as a compiler does: every path that is written out is seen, in `use` and elsewhere,
but not one that a macro puts together.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

CRATE = "gadugi_router"

# What each room may import of ours. No circle is possible while a room names only rooms above itself.
ROOMS = {
    "protocol": (),
    "testing": ("protocol",),
    "client": ("protocol",),
    "config": ("protocol",),
    "holder": (),
    "router": ("protocol",),
    "store": ("protocol",),
    "server": ("protocol", "router", "store"),
    "admin": ("protocol", "config", "router", "store", "server"),
    "service": ("protocol", "config", "holder", "router", "store", "server", "admin"),
    "ctl": ("protocol", "client", "config", "holder", "admin"),
}

# What the tests of all rooms share; the compiler keeps it out of everything else.
FOR_TESTS = ("testing",)

# What a program in `src/bin/` may use of the library.
PROGRAMS_MAY_USE = ("service", "ctl")

# Rooms that are tested whole in memory: no socket, file, clock, randomness or operating system.
PURE = ("protocol", "router", "testing")
OUTSIDE_CRATES = (
    "tokio", "tokio_tungstenite", "tungstenite", "mio", "nix", "socket2", "libc", "rustix",
    "signal_hook", "signal_hook_tokio",
)
OUTSIDE_STD = ("env", "fs", "net", "os", "process")
WHOLE_STD = ((), ("*",), ("self",), ("time",), ("time", "*"), ("time", "self"))
CLOCKS = ("Instant", "SystemTime", "UNIX_EPOCH")
CLOCK_AND_RANDOM_CALLS = ("now", "sleep", "new_v4", "now_v7")

WORD = re.compile(r"""
    (?P<comment>//[^\n]*)
  | (?P<block>/\*)
  | (?P<raw>\b[bc]?r(?P<hashes>\#*)")
  | (?P<string>[bc]?"(?:\\.|[^"\\])*")
  | (?P<char>b?'(?:\\(?:u\{[^}]*\}|x..|.)|[^'\\])')
  | (?P<name>(?:r\#)?[A-Za-z_]\w*)
  | (?P<colons>::)
  | (?P<mark>[^\s\w])
""", re.VERBOSE | re.DOTALL)


@dataclass(frozen=True)
class Word:
    text: str
    line: int


def words(source):
    """The names and marks of a Rust source, without comments, strings and characters."""
    at, line = 0, 1
    while match := WORD.search(source, at):
        line += source.count("\n", at, match.start())
        at = match.end()
        if match["block"]:
            at = end_of_block_comment(source, at)
        elif match["raw"]:
            close = source.find('"' + match["hashes"], at)
            at = len(source) if close < 0 else close + 1 + len(match["hashes"])
        elif match["name"] or match["colons"] or match["mark"]:
            yield Word(match[0].removeprefix("r#"), line)
        line += source.count("\n", match.start(), at)


def end_of_block_comment(source, at):
    """Block comments nest in Rust."""
    depth = 1
    while depth and (mark := re.compile(r"/\*|\*/").search(source, at)):
        depth += 1 if mark[0] == "/*" else -1
        at = mark.end()
    return len(source) if depth else at


@dataclass(frozen=True)
class Written:
    """A path as it is written, with the module it stands in."""
    parts: tuple
    module: tuple
    line: int
    in_use: bool


class Reader:
    """Finds the paths of one source."""

    def __init__(self, source, module):
        self.words = list(words(source))
        self.at = 0
        self.module = list(module)
        # For each open brace whether it is a module's.
        self.braces = []
        self.in_use = False

    def peek(self, ahead=0):
        at = self.at + ahead
        return self.words[at].text if at < len(self.words) else ""

    def paths(self):
        while self.at < len(self.words):
            word = self.peek()
            if word == "mod" and is_name(self.peek(1)) and self.peek(2) == "{":
                self.module.append(self.peek(1))
                self.braces.append(True)
                self.at += 3
            elif word == "{":
                self.braces.append(False)
                self.at += 1
            elif word == "}":
                if self.braces and self.braces.pop():
                    self.module.pop()
                self.at += 1
            elif word == ";":
                self.in_use = False
                self.at += 1
            elif word == "use" and self.peek(1) != "<":
                self.in_use = True
                self.at += 1
            elif word == "extern" and self.peek(1) == "crate":
                self.in_use = True
                self.at += 2
            elif is_name(word) or word == "::":
                yield from self.tree(())
            else:
                self.at += 1

    def tree(self, prefix):
        """The paths that begin here: one, or all that a group in braces spells out."""
        parts, line = list(prefix), self.words[self.at].line
        if self.peek() == "::":
            self.at += 1
        while True:
            word = self.peek()
            if word == "{" and (parts or self.in_use):
                yield from self.group(tuple(parts))
                return
            if not (is_name(word) or (word == "*" and self.in_use)):
                break
            parts.append(word)
            self.at += 1
            if self.peek() == "::" and self.peek(1) == "<":
                # A turbofish ends the path; its types are paths of their own.
                self.at += 1
                break
            if self.peek() != "::":
                break
            self.at += 1
        if parts:
            yield Written(tuple(parts), tuple(self.module), line, self.in_use)

    def group(self, prefix):
        self.at += 1
        while self.peek() not in ("}", ""):
            if self.peek() in (",", "as"):
                self.at += 1 if self.peek() == "," else 2
            elif is_name(self.peek()) or self.peek() in ("::", "{", "*"):
                yield from self.tree(prefix)
            else:
                self.at += 1
        self.at += 1


def is_name(word):
    return word.isidentifier()


def resolve(path):
    """The path from the crate's root; `None` if it does not begin in this crate."""
    parts = list(path.parts)
    module = list(path.module)
    if parts[0] in ("crate", CRATE):
        module, parts = [], parts[1:]
    elif parts[0] not in ("self", "super"):
        return None
    while parts and parts[0] in ("self", "super"):
        if parts[0] == "super":
            if not module:
                return None
            module.pop()
        parts = parts[1:]
    return tuple(module + parts)


def module_of(file):
    """The module that a file under `src/` is, as names from the crate's root."""
    parts = list(file.with_suffix("").parts)
    if parts[-1] in ("mod", "lib", "main"):
        parts.pop()
    return tuple(parts)


def check_source(file, source):
    """What is wrong in one file; `file` is relative to `src/`."""
    program = file.parts[0] == "bin"
    room = None if file == Path("lib.rs") else file.with_suffix("").parts[0]
    if not program and room is not None and room not in ROOMS:
        yield 1, f"there is no rule for the room `{room}`; write one into .ci/checks/imports.py"
        return
    texts = [word.text for word in words(source)]
    if any(texts[at:at + 3] == ["#", "[", "path"] for at in range(len(texts))):
        yield 1, "`#[path]` hides which room a source belongs to"
    for path in Reader(source, () if program else module_of(file)).paths():
        if program:
            problem = problem_of_program(path)
        else:
            problem = problem_of_room(room, path) or (room in PURE and problem_of_purity(room, path))
        if problem:
            yield path.line, problem


def problem_of_program(path):
    if path.parts[0] != CRATE:
        return None
    used = path.parts[1] if len(path.parts) > 1 else "*"
    if used in PROGRAMS_MAY_USE:
        return None
    return f"a program uses only the library's {', '.join(PROGRAMS_MAY_USE)}, not `{'::'.join(path.parts)}`"


def problem_of_room(room, path):
    whole = resolve(path)
    if whole is None or room is None:
        return None
    written = "::".join(path.parts)
    if not whole or whole[0] in ("*", "self"):
        if not path.in_use and path.parts in (("crate",), ("super",), ("self",)):
            return None  # `pub(crate)` and its like
        return f"`{written}` takes the whole crate; name what is used"
    if whole[0] in (room, *ROOMS[room], *FOR_TESTS):
        return None
    if whole[0] in ROOMS:
        allowed = ", ".join(ROOMS[room]) or "nothing of ours"
        return f"{room} may not import {whole[0]} (`{written}`); it may import: {allowed}"
    return f"`{written}` is in no room; the crate's root holds rooms only"


def problem_of_purity(room, path):
    first, rest = path.parts[0], path.parts[1:]
    written = "::".join(path.parts)
    if first in OUTSIDE_CRATES and (rest or path.in_use):
        return f"{room} knows no socket, file or operating system: `{written}`"
    if first in ("std", "core"):
        if path.in_use and rest in WHOLE_STD:
            return f"`{written}` brings in too much to be checked; name what is used"
        if rest and rest[0] in OUTSIDE_STD:
            return f"{room} knows no socket, file or operating system: `{written}`"
        if rest[:1] == ("time",) and rest[1:2] and rest[1] in CLOCKS:
            return f"{room} has no clock; its caller says what time it is: `{written}`"
    if rest and path.parts[-1] in CLOCK_AND_RANDOM_CALLS and not path.in_use:
        return f"{room} has no clock and no randomness; its caller brings them: `{written}`"
    return None


def check_tree(tree):
    """All that is wrong, as `file:line: what`."""
    sources = tree / "src"
    for file in sorted(sources.rglob("*.rs")):
        for line, problem in check_source(file.relative_to(sources), file.read_text(encoding="utf-8")):
            yield f"{file.relative_to(tree)}:{line}: {problem}"


def main():
    tree = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    if not any((tree / "src").rglob("*.rs")):
        sys.exit(f"imports: no Rust source under {tree / 'src'}")
    problems = list(check_tree(tree))
    print("\n".join(problems) or f"imports: the rooms of {tree.name}/src import one way")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
