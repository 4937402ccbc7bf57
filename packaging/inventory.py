"""What is linked into the programs, from cargo's own list: its licences as text, or a bill of materials.

    packaging/inventory.py licences     each crate, its licence and the texts that it ships
    packaging/inventory.py cyclonedx    CycloneDX 1.5 as JSON

Only what the programs are made of: no crates of tests, benchmarks and build scripts. SOURCE_DATE_EPOCH is its time.
"""
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXTS = re.compile(r"(LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|UNLICENSE)", re.IGNORECASE)
# The other names are for paths of licences that people used before SPDX had a grammar.
OLD_OR = re.compile(r"\s*/\s*")


def target() -> str:
    """What the programs are built for: this machine, unless GADUGI_TARGET says."""
    if named := os.environ.get("GADUGI_TARGET"):
        return named
    told = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    return re.search(r"^host: (.*)$", told, re.MULTILINE)[1]


def metadata() -> dict:
    command = ["cargo", "metadata", "--locked", "--format-version=1", f"--filter-platform={target()}",
               "--no-default-features", f"--features={os.environ['GADUGI_FEATURES']}"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)


def linked(all_of_it: dict) -> tuple[dict, list[dict], dict[str, list[str]]]:
    """Our package, the others that end in the programs, and who needs whom."""
    packages = {package["id"]: package for package in all_of_it["packages"]}
    nodes = {node["id"]: node for node in all_of_it["resolve"]["nodes"]}
    root = all_of_it["resolve"]["root"]
    needs: dict[str, list[str]] = {}
    waiting = [root]
    while waiting:
        package = waiting.pop()
        if package in needs:
            continue
        needs[package] = sorted(dep["pkg"] for dep in nodes[package]["deps"] if is_linked(dep, packages))
        waiting += needs[package]
    others = sorted((packages[one] for one in needs if one != root), key=lambda one: (one["name"], one["version"]))
    return packages[root], others, needs


def is_linked(dependency: dict, packages: dict) -> bool:
    """Derive macros run in the compiler, and build scripts and tests are not in the program."""
    is_macro = any("proc-macro" in target["kind"] for target in packages[dependency["pkg"]]["targets"])
    return not is_macro and any(kind["kind"] is None for kind in dependency["dep_kinds"])


def licence(package: dict) -> str:
    return OLD_OR.sub(" OR ", package["license"] or "unknown")


def texts(package: dict) -> list[str]:
    """The texts of licences that it ships; of those to choose from, MIT's alone if there is one."""
    folder = Path(package["manifest_path"]).parent
    files = sorted(file for file in folder.iterdir() if file.is_file() and TEXTS.match(file.name))
    mit = [file for file in files if "MIT" in file.name.upper()]
    chosen = mit if mit and " OR " in licence(package) and " AND " not in licence(package) else files
    return [file.read_text(encoding="utf-8", errors="replace").strip() for file in chosen]


def licences() -> str:
    """The notices that the licences ask for. One text that several crates share stands once."""
    _, others, _ = linked(metadata())
    lines = ["\n\n" + "=" * 78, "The programs contain these Rust crates as well, under their own licences:\n"]
    lines += [f"  {one['name']} {one['version']}: {licence(one)}" for one in others]
    lines.append("  the Rust standard library: MIT OR Apache-2.0")
    shared: dict[str, list[str]] = {}
    for one in others:
        for text in texts(one) or [f"(ships no text of its licence; its authors: {', '.join(one['authors']) or 'not named'})"]:
            shared.setdefault(text, []).append(f"{one['name']} {one['version']}")
    for text, names in shared.items():
        lines += ["\n" + "-" * 78, ", ".join(names) + ":\n", text]
    return "\n".join(lines) + "\n"


def component(package: dict, hashes: dict[tuple[str, str], str]) -> dict:
    purl = f"pkg:cargo/{package['name']}@{package['version']}"
    made = {"type": "library", "bom-ref": purl, "name": package["name"], "version": package["version"], "purl": purl,
            "licenses": [{"expression": licence(package)}]}
    if checksum := hashes.get((package["name"], package["version"])):
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return made


def checksums() -> dict[tuple[str, str], str]:
    """What Cargo.lock says of each crate's file."""
    stanza = re.compile(r'name = "(.*)"\nversion = "(.*)"\nsource = ".*"\nchecksum = "(.*)"')
    return {(name, version): sum_ for name, version, sum_ in stanza.findall((ROOT / "Cargo.lock").read_text())}


def cyclonedx() -> str:
    ours, others, needs = linked(metadata())
    hashes = checksums()
    lock = hashlib.sha256((ROOT / "Cargo.lock").read_bytes()).hexdigest()
    reference = {one["id"]: f"pkg:cargo/{one['name']}@{one['version']}" for one in [ours, *others]}
    when = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    document = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, lock + when.isoformat())}",
        "metadata": {"timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
                     "component": {**component(ours, hashes), "type": "application"}},
        "components": [component(one, hashes) for one in others],
        "dependencies": [{"ref": reference[one], "dependsOn": [reference[other] for other in needs[one]]}
                         for one in sorted(needs, key=reference.get)],
    }
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("licences", "cyclonedx"):
        sys.exit(__doc__)
    sys.stdout.write(licences() if sys.argv[1] == "licences" else cyclonedx())
