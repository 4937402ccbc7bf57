"""The build of the packages: the same bytes each time, and a bill of materials that names what is in Cargo.lock."""
import json
import os
import subprocess
from pathlib import Path

from box import TESTS
from routers import program


def build(out: Path) -> str:
    """Builds release 1 of the programs that are tested; the sums of what came out."""
    command = [TESTS.parent / "packaging" / "build", "--binaries", program().parent, "--out", out]
    subprocess.run(command, check=True, timeout=600, stdout=subprocess.DEVNULL,
                   env={**os.environ, "GADUGI_COMPRESSION": "gzip"})
    return (out / "SHA256SUMS").read_text()


def test_two_builds_give_the_same_bytes(tmp_path):
    assert build(tmp_path / "one") == build(tmp_path / "two")


def test_the_bill_of_materials_is_whole(packages):
    document = json.loads(next(packages[0].glob("*.cdx.json")).read_text())
    names = {component["name"] for component in document["components"]}
    assert document["bomFormat"] == "CycloneDX" and {"tokio", "serde_json", "landlock"} <= names
    assert not names & {"proptest", "divan", "clap_derive"}, "what tests and compilers need is not in the programs"
    lock = (TESTS.parent / "Cargo.lock").read_text()
    for component in document["components"]:
        assert component["hashes"][0]["content"] in lock and component["licenses"][0]["expression"] != "unknown"
    references = {component["bom-ref"] for component in document["components"]}
    assert {need for one in document["dependencies"] for need in one["dependsOn"]} == references
