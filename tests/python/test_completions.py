"""The completions, in the shells that they are for."""
import asyncio
import subprocess

import pexpect
import pyte
import pytest

from control import PATIENCE, ctl
from routers import environment

ST = ["start", "status", "stop", "store"]
BASH = """
source <("$0" completions bash)
words=("$@")
function=$(complete -p gadugi-routerctl | sed 's/.*-F \\([^ ]*\\).*/\\1/')
COMP_WORDS=(gadugi-routerctl "${words[@]}"); COMP_CWORD=${#words[@]}; COMP_LINE=${COMP_WORDS[*]}; COMP_POINT=${#COMP_LINE}
"$function" gadugi-routerctl "${words[-1]}" "${COMP_WORDS[-2]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = '"$argv[1]" completions fish | source; complete -C "$argv[2]"'


def run(folder, *command) -> list[str]:
    done = subprocess.run(list(map(str, command)), env=environment(folder), capture_output=True, text=True,
                          timeout=PATIENCE, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


def bash(folder, *words: str) -> list[str]:
    return sorted(run(folder, "bash", "-c", BASH, ctl(), *words))


def fish(folder, line: str) -> list[str]:
    lines = run(folder, "fish", "--no-config", "-c", FISH, ctl(), line)
    return sorted(line.split("\t")[0] for line in lines)


def test_bash_completes_commands_and_options(tmp_path):
    assert bash(tmp_path, "st") == ST
    assert bash(tmp_path, "conf") == ["config", "configure"]
    assert bash(tmp_path, "configure", "--un") == ["--unset"]
    assert bash(tmp_path, "stop", "--ti") == ["--timeout"]
    assert bash(tmp_path, "completions", "z") == ["zsh"]
    assert bash(tmp_path, "dead-letters", "re") == ["requeue"]


def test_fish_completes_commands_and_options(tmp_path):
    assert fish(tmp_path, "gadugi-routerctl st") == ST
    assert fish(tmp_path, "gadugi-routerctl configure --un") == ["--unset"]
    assert fish(tmp_path, "gadugi-routerctl dead-letters re") == ["requeue"]


async def test_zsh_completes_commands_when_tab_is_pressed(tmp_path):
    await asyncio.to_thread(tab_in_zsh, tmp_path)


def tab_in_zsh(folder):
    screen = pyte.Screen(100, 30)
    stream = pyte.Stream(screen)
    env = environment(folder) | {"TERM": "xterm", "PS1": "ready> ", "ZDOTDIR": str(folder)}
    shell = pexpect.spawn("zsh", ["-f", "-i"], env=env, encoding="utf-8", timeout=PATIENCE, dimensions=(30, 100))

    def wait(words: str):
        text = ""
        while words not in text:
            stream.feed(shell.read_nonblocking(65536, PATIENCE))
            text = "\n".join(screen.display)
        return text
    shell.sendline(f"autoload -U compinit; compinit -u -D; source <('{ctl()}' completions zsh); PS1='set> '")
    wait("set> ")
    shell.send("gadugi-routerctl st\t")
    text = wait("status")
    assert all(f"\n{command} " in text for command in ST), text
    shell.send("\x15gadugi-routerctl configure --un\t")
    wait("configure --unset")
    shell.sendline("\x15exit")
    shell.close()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "elvish", "powershell"])
def test_every_command_of_the_help_is_in_the_completions(shell, tmp_path):
    help_text = run(tmp_path, ctl(), "--help")
    begin = help_text.index("Commands:") + 1
    commands = [line.split()[0] for line in help_text[begin:help_text.index("", begin)] if line[2:3].strip()]
    script = "\n".join(run(tmp_path, ctl(), "completions", shell))
    assert len(commands) > 10 and all(command in script for command in commands)
