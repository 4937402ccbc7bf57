"""Every command that docs/troubleshooting.md tells a reader to run is one."""
import re

import pytest

from control import ctl, run
from routers import ROOT, environment

PAGE = ROOT / "docs" / "troubleshooting.md"
USAGE = 64
# What readers put in; without a router any will do.
WORDS = {"TOPIC": "task.created", "ID": "7c67", "EVENT-ID": "task-17"}
COMMANDS = sorted(set(re.findall(r"`gadugi-routerctl ([^`]+)`", PAGE.read_text())))


@pytest.mark.parametrize("command", COMMANDS)
def test_it_is_a_command(command, tmp_path):
    words = [WORDS.get(word, word) for word in command.split()]
    done = run([ctl(), *words], environment(tmp_path))
    assert done.code != USAGE, done.err


def test_they_are_found():
    assert len(COMMANDS) > 8
