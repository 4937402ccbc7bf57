"""The package: types, style, syntax of the oldest Python, and what is built installed where nothing else is."""

import ast
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from helpers import PACKAGE

SOURCES = sorted((PACKAGE / "src").rglob("*.py"))

USER_PROGRAM = """
import asyncio
from gadugi_router import Event, EventPriority, EventRouterClient, PublishResult

async def main(url: str) -> None:
    async with EventRouterClient(url) as client:
        @client.on("task.*")
        async def handle(event: Event) -> None:
            print(event.topic)

        result: PublishResult = await client.publish("task.created", {"a": 1}, priority=EventPriority.HIGH)
        assert result.accepted
        await asyncio.sleep(0.5)

if __name__ == "__main__":
    import sys
    asyncio.run(main(sys.argv[1]))
"""


def run(*command, **options) -> str:
    found = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=300, check=False, **options
    )
    assert found.returncode == 0, f"{command}:\n{found.stdout}{found.stderr}"
    return found.stdout


@pytest.mark.parametrize("arguments", [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]], ids="-".join)
def test_style_and_types(arguments, tmp_path):
    cache = ["--cache-dir", tmp_path]
    run(sys.executable, "-m", *arguments, *cache, cwd=PACKAGE)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_oldest_python_reads_it(source):
    ast.parse(source.read_text(), feature_version=(3, 9))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, PACKAGE)
    return folder


def test_the_wheel_has_the_package_and_its_mark_of_types_and_nothing_else(built):
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    package = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    assert "gadugi_router/py.typed" in package
    assert package == {f"gadugi_router/{path.name}" for path in (PACKAGE / "src" / "gadugi_router").glob("*.*")}
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.patience(300)
@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_it_is_installed_into_a_fresh_environment_and_works(built, kind, tmp_path, router):
    (archive,) = built.glob(kind)
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", archive)
    installed = run(python, "-m", "pip", "list", "--format", "freeze", "--disable-pip-version-check").split()
    assert {line.split("==")[0] for line in installed} - {"pip", "setuptools"} == {"gadugi-router-client", "websockets"}
    program = tmp_path / "program.py"
    program.write_text(USER_PROGRAM)
    assert run(python, program, router.url, cwd=tmp_path) == "task.created\n"
    run(
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--python-executable",
        python,
        "--cache-dir",
        tmp_path / "cache",
        program,
        cwd=tmp_path,
    )
