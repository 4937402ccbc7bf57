"""The scripts that run on other people's machines, mostly as root, have nothing that shellcheck knows better."""
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ["packaging/build", "launchd/install", "launchd/uninstall", *(f"packaging/deb/{name}" for name in ("postinst", "postrm", "prerm"))]
# rpm runs these with sh, by its own headline.
SCRIPTLETS = sorted(file.relative_to(ROOT) for file in (ROOT / "packaging/rpm").iterdir())


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_sound(script):
    checked("shellcheck", script)


@pytest.mark.parametrize("script", SCRIPTLETS, ids=str)
def test_a_scriptlet_of_the_rpm_is_sound(script):
    checked("shellcheck", "--shell=sh", script)


def test_the_check_finds_what_is_unsound(tmp_path):
    bad = tmp_path / "bad"
    bad.write_text("#!/bin/sh\nrm -rf $1/*\n")
    assert subprocess.run(["shellcheck", bad], capture_output=True).returncode == 1


def checked(*command) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
