"""Checks what is in the repository's files: their length, marks of unfinished work, paths of somebody's machine.

    python3 .ci/checks/files.py [TREE]

Prints `file:line: what is wrong` and fails if anything is. The words that are looked for are written here in a
way that this file does not contain them.
"""

import re
import subprocess
import sys
from pathlib import Path

LONGEST = 400
LONG = 200
COUNTED = (".rs", ".py")

READ = (".rs", ".py", ".sh", ".toml", ".md", ".ini", ".cfg", ".yml", ".yaml", ".txt", "")

MARKS = (
    (r"\b(FIX[M]E|TO[D]O|XX[X]|HAC[K])\b", READ, "finish it or write down in docs/ why not"),
    (r"\b(db[g]|tod[o]|unimplemente[d])!", (".rs",), "not in what others run"),
    (r"#!?\[\s*(?:cfg_attr\([^)]*,\s*)?ignor[e]\b", (".rs",), "a test that does not run is none"),
    (r"\ballow\(\s*(?:[\w:]+\s*,\s*)*(dead_cod[e]|unuse[d])\b", (".rs",), "remove what nobody uses"),
    (r"^(<{7}|>{7})( |$)", READ, "a merge that was not finished"),
    (r"(?<![\w.\-/}>])/(hom[e]|roo[t]|User[s]|wor[k])/\w", READ, "a path that is on one machine only"),
)


def files_of(tree):
    """What is, or is about to be, in the repository."""
    listed = subprocess.run(
        ["git", "-C", tree, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True,
    ).stdout
    return sorted(Path(name) for name in set(listed.split("\0")) if name and (Path(tree) / name).is_file())


def problems_of(file, text):
    """What is wrong in one file."""
    lines = text.splitlines()
    if file.suffix in COUNTED and len(lines) > LONGEST:
        yield len(lines), f"{len(lines)} lines; a file has at most {LONGEST}"
    for number, line in enumerate(lines, 1):
        for pattern, suffixes, reason in MARKS:
            if file.suffix in suffixes and (match := re.search(pattern, line)):
                yield number, f"`{match[0].strip()}`: {reason}"


def check_tree(tree):
    """All that is wrong, as `file:line: what`, and how many lines each counted file has."""
    problems, lengths = [], {}
    for file in files_of(tree):
        try:
            text = (Path(tree) / file).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if file.suffix in COUNTED:
            lengths[file] = len(text.splitlines())
        if file.suffix in READ:
            problems += [f"{file}:{line}: {what}" for line, what in problems_of(file, text)]
    return problems, lengths


def main():
    tree = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    problems, lengths = check_tree(tree)
    print("\n".join(problems) or "files: no forbidden marks")
    long = {file: length for file, length in lengths.items() if length > LONG}
    print(f"files: {len(lengths)} sources, {len(long)} of them over {LONG} lines", end="")
    print("".join(f"\n  {long[file]:4} {file}" for file in sorted(long, key=long.get, reverse=True)[:10]))
    if 2 * len(long) > len(lengths):
        problems.append("too long")
        print(f"files: most sources should have less than {LONG} lines")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
