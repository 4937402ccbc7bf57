"""The build of the packages: the same bytes each time, and a bill of materials that names what is in Cargo.lock."""
import json
import os
import shutil
import subprocess
from pathlib import Path

from box import TESTS

ROOT = TESTS.parent
PACKAGED = Path(os.environ["GADUGI_PACKAGED"])


def build(checkout: Path, out: Path, **environment) -> str:
    """Packages the programs that are tested; the sums of what came out."""
    command = [checkout / "packaging" / "build", "--binaries", PACKAGED, "--out", out]
    subprocess.run(command, check=True, timeout=600, stdout=subprocess.DEVNULL, env={**os.environ, "SOURCE_DATE_EPOCH": "1764000000", **environment})
    return (out / "SHA256SUMS").read_text()


def test_two_builds_in_two_checkouts_give_the_same_bytes(tmp_path):
    """Also for a user with other habits. That the compiler does the same is told in packaging/README.md."""
    other = tmp_path / "elsewhere"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, files):
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, other / name)
    habits = {"CARGO_TARGET_DIR": str(tmp_path / "target"), "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "USER": "somebody"}
    first = build(ROOT, tmp_path / "one")
    assert sorted(Path(name).suffix for name in first.split()[1::2]) == [".deb", ".gz", ".json", ".rpm"]
    assert first == build(other, tmp_path / "two", **habits)


def test_the_bill_of_materials_is_whole(packages):
    document = json.loads(next(packages[0].glob("*.cdx.json")).read_text())
    names = {component["name"] for component in document["components"]}
    assert document["bomFormat"] == "CycloneDX" and {"tokio", "serde_json", "landlock"} <= names
    assert not names & {"proptest", "divan", "clap_derive"}, "what tests and compilers need is not in the programs"
    lock = (ROOT / "Cargo.lock").read_text()
    for component in document["components"]:
        assert component["hashes"][0]["content"] in lock and component["licenses"][0]["expression"] != "unknown"
    references = {component["bom-ref"] for component in document["components"]}
    assert {need for one in document["dependencies"] for need in one["dependsOn"]} == references
