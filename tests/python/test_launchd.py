"""launchd/: the job is one as launchd.plist(5) wants it, and the scripts put everything in its place, again and again, and take it away."""
import os
import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

import launchd
from routers import program

FOLDER = Path(__file__).resolve().parents[2] / "launchd"
PLIST = FOLDER / "org.gadugi.router.plist"
JOB = "Library/LaunchDaemons/org.gadugi.router.plist"


def test_the_job_has_no_mistakes():
    assert launchd.mistakes(PLIST) == []


@pytest.mark.parametrize(("old", "new", "told"), [
    ("<key>ThrottleInterval</key>", "<key>ThrotleInterval</key>", "ThrotleInterval: there is no such key"),
    ("<integer>5</integer>", "<string>5</string>", "ThrottleInterval: is '5', and not of type int"),
    ("<integer>60</integer>", "<true/>", "ExitTimeOut: is True, and not of type int"),
    ("<key>SuccessfulExit</key>", "<key>Succeeded</key>", "KeepAlive.Succeeded: there is no such key"),
    ("<false/>", "<integer>0</integer>", "KeepAlive.SuccessfulExit: is 0, and not of type bool"),
    ("<string>IPv6</string>", "<string>inet6</string>", "Sockets.ws[1].SockFamily: is 'inet6', none of IPv4, IPv4v6, IPv6, Unix"),
    ("<key>NumberOfFiles</key>", "<key>Files</key>", "SoftResourceLimits.Files: there is no such key"),
    ("<string>Interactive</string>", "<string>Fast</string>", "ProcessType: is 'Fast', none of "),
    ("<key>GroupName</key>", "<key>UserName</key>", "UserName: stands twice"),
    ("<key>Label</key>", "<key>Program</key>", "Label: is missing"),
    ("<string>--config</string>", "<integer>1</integer>", "ProgramArguments[1]: is 1, and not of type str"),
    ("</plist>", "", "not a property list: "),
])
def test_the_checker_finds_mistakes(tmp_path, old, new, told):
    text = PLIST.read_text()
    assert old in text
    bad = tmp_path / "bad.plist"
    bad.write_text(text.replace(old, new, 1))
    found = launchd.mistakes(bad)
    assert [one for one in found if one.startswith(told)], found


def test_the_job_is_what_the_documentation_says_and_the_settings_fit_it():
    job = plistlib.loads(PLIST.read_bytes())
    assert job["Label"] in (FOLDER.parent / "src/ctl/launchd.rs").read_text(), "gadugi-routerctl looks for this label"
    assert job["KeepAlive"] == {"SuccessfulExit": False}, "an end that was asked for is none to mend"
    assert job["UserName"] not in ("root", "") and "--daemon" not in job["ProgramArguments"]
    assert job["SoftResourceLimits"]["NumberOfFiles"] <= job["HardResourceLimits"]["NumberOfFiles"]
    # src/service/os.rs asks for these names and no other.
    assert set(job["Sockets"]) <= {"ws", "http", "admin"}
    subprocess.run([program(), "--check-config", "--config", FOLDER / "config.toml"], check=True)


# ---- The scripts, as far as files go: DESTDIR leaves launchd and the accounts alone.

@pytest.fixture
def mac(tmp_path):
    return Mac(tmp_path)


class Mac:
    """A folder in place of a Mac's root."""

    def __init__(self, place: Path):
        self.root = place / "root"
        self.programs = program().parent

    def run(self, script: str, *words, check: bool = True) -> subprocess.CompletedProcess:
        return subprocess.run([FOLDER / script, *words], env={**os.environ, "DESTDIR": str(self.root)}, check=check,
                              capture_output=True, text=True)

    def files(self) -> dict[str, bytes]:
        return {str(file.relative_to(self.root)): file.read_bytes() for file in self.root.rglob("*") if file.is_file()}


def test_installed_twice_is_as_once_and_an_edited_file_is_kept(mac):
    mac.run("install", mac.programs)
    files = mac.files()
    assert files[JOB] == PLIST.read_bytes() and files["usr/local/bin/gadugi-router"] == program().read_bytes()
    job = plistlib.loads(files[JOB])
    places = {job["ProgramArguments"][0], job["ProgramArguments"][2]}
    assert {place.lstrip("/") for place in places} <= files.keys(), "what the job names is there"
    for key in ("StandardOutPath", "StandardErrorPath"):
        assert (mac.root / job[key].lstrip("/")).parent.is_dir(), "launchd makes no directories"
    (mac.root / "etc/gadugi-router/config.toml").write_text("max_clients = 5\n")
    mac.run("install", mac.programs)
    assert {**files, "etc/gadugi-router/config.toml": b"max_clients = 5\n"} == mac.files()


def test_uninstalled_it_leaves_the_settings_and_purged_nothing_and_follows_no_link(mac, tmp_path):
    mac.run("uninstall")
    mac.run("install", mac.programs)
    mac.run("uninstall")
    assert set(mac.files()) == {"etc/gadugi-router/config.toml"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    logs = mac.root / "usr/local/var/log/gadugi-router"
    shutil.rmtree(logs)
    logs.symlink_to(elsewhere)
    for _ in range(2):
        mac.run("uninstall", "--purge")
    assert mac.files() == {} and not logs.is_symlink() and (elsewhere / "precious").exists()


def test_wrong_usage_is_told(mac):
    assert "wrong usage: --all" in mac.run("uninstall", "--all", check=False).stderr
    done = mac.run("install", mac.root, check=False)
    assert done.returncode == 1 and "build it" in done.stderr and not mac.root.exists()
