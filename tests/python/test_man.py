"""The manual pages in man/ render without a warning, by both programs that Unix systems have for that.

That they are those of the command lines' definitions is tested in tests/man.
"""
import os
import re
import subprocess
from pathlib import Path

import pytest

from routers import ROOT

PAGES = sorted((ROOT / "man").iterdir())


def rendered(*command) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60,
                          env=os.environ | {"LC_ALL": "C.UTF-8"})
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    # Bold, as a typewriter would.
    return re.sub(".\x08", "", done.stdout)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_renders_without_a_warning(page: Path):
    assert rendered("mandoc", "-Tlint", "-W", "warning", page) == ""
    text = rendered("groff", "-ww", "-man", "-Tutf8", "-Kutf8", page)
    assert "NAME" in text and page.stem in text


def test_what_an_operator_looks_for_is_there():
    text = " ".join(rendered("mandoc", "-Tutf8", "-Owidth=100", ROOT / "man" / "gadugi-router.8").split())
    for words in ("SIGHUP", "GADUGI_ROUTER_RUNTIME_DIR", "/etc/gadugi-router/config.toml", "gadugi-router.pid"):
        assert words in text, words
