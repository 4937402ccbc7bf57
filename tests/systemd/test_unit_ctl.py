"""gadugi-routerctl start, status, stop, restart and logs, where the router is a unit of systemd."""
import asyncio
import json
import subprocess

from client import connect, until
from service import CONTROL
from stalled import numbered, publish_in_order, stalled_subscriber


def control(service, *words: str, user: str | None = None) -> subprocess.CompletedProcess:
    become = ["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups"] if user else []
    return service.box.run(*become, CONTROL, *words, check=False)


async def test_an_operator_s_day(service):
    done = control(service, "status")
    assert done.returncode == 3 and "start it with gadugi-routerctl start" in done.stderr and not done.stdout
    done = control(service, "start")
    pid = service.pid()
    assert (done.returncode, done.stdout, done.stderr) == (0, f"started (PID {pid})\n", "")
    assert service.property("ActiveState") == "active"
    done = control(service, "start", "--json")
    assert json.loads(done.stdout) == {"action": "start", "done": "already_running", "by": "systemd", "pid": pid}
    done = control(service, "status")
    assert done.returncode == 0 and f"PID: {pid}\n" in done.stdout
    done = control(service, "restart", "--json")
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["pid_before"] == pid and outcome["pid"] == service.pid() != pid
    async with await connect(service) as client:
        await client.ping()
        done = await asyncio.to_thread(control, service, "stop")
        assert (await client.closed())[0] == 1001
    assert done.returncode == 0, done
    # What it said in the end is heard unless it was quicker than the next look.
    assert done.stdout in (f"stopped (PID {outcome['pid']}): ended: everything was delivered\n",
                           f"stopped (PID {outcome['pid']})\n")
    assert service.show("ActiveState", "Result") == {"ActiveState": "inactive", "Result": "success"}
    done = control(service, "stop")
    assert (done.returncode, done.stdout, done.stderr) == (0, "the router is not running\n", "")


async def test_stop_shows_the_drain_and_is_not_taken_for_a_second_signal(service):
    service.configure('[drain]\ntimeout = "2s"\n')
    service.ctl("start")
    slow = await stalled_subscriber(service, "t", hello={})
    await publish_in_order(service, [numbered("t", 3, number) for number in range(6000)], receipt="dispatched")
    done = await asyncio.to_thread(control, service, "stop", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and lines[-1]["done"] == "stopped" and lines[-1]["by"] == "systemd"
    assert any(line.get("phase") == "draining" and line["waiting"] > 0 for line in lines[:-1]), lines
    assert sum(lines[-1]["left"]) > 0 and lines[-1]["kept"] is None
    assert not service.says("a second signal") and service.property("Result") == "success"
    slow.vanish()


async def test_why_it_does_not_start_is_told_by_its_exit_code_and_the_log(service):
    service.configure("threads = 0\n")
    done = control(service, "start")
    assert done.returncode == 78 and not done.stdout and "/etc/gadugi-router/config.toml:2:11: threads" in done.stderr
    service.configure()
    # Read by the unit and not by the control program.
    service.drop_in("gadugi-router.service", "Service", "Environment=GADUGI_ROUTER_THREADS=0\n")
    done = control(service, "start")
    assert done.returncode == 78 and not done.stdout and "gadugi-routerctl logs" in done.stderr
    await until(lambda: "GADUGI_ROUTER_THREADS" in control(service, "logs", "-n", "20").stdout, "the reason is in the log")
    assert control(service, "start", "--config", "/tmp/other.toml").returncode == 78, "there is no such file"
    service.box.write("/run/other.toml", "")
    done = control(service, "start", "--config", "/run/other.toml")
    assert done.returncode == 64 and "systemctl edit" in done.stderr


async def test_a_bad_file_does_not_end_a_router_that_runs(service):
    service.ctl("start")
    pid = service.pid()
    service.configure("threads = 0\n")
    done = control(service, "restart")
    assert done.returncode == 78 and service.pid() == pid


async def test_logs_are_those_of_the_unit(service):
    service.ctl("start")
    await until(lambda: service.says("listening"), "it has written something")
    done = control(service, "logs")
    assert done.returncode == 0 and "listening" in done.stdout and "Started" in done.stdout
    last = control(service, "logs", "-n", "1", "--json").stdout.splitlines()
    assert len(last) == 1 and json.loads(last[0])["_SYSTEMD_UNIT" if "_SYSTEMD_UNIT" in last[0] else "UNIT"]
    followed = service.box.run("timeout", "--signal=INT", "--preserve-status", "3", CONTROL, "logs", "-f", "-n", "5",
                               check=False)
    assert followed.returncode == 0 and "listening" in followed.stdout and not followed.stderr


async def test_who_may_not_start_it_hears_to_use_sudo(service):
    for words in (["start"], ["start", "--json"]):
        done = control(service, *words, user="nobody")
        assert done.returncode == 77 and not done.stdout and "sudo gadugi-routerctl start" in done.stderr, done
    service.ctl("start")
    done = control(service, "stop", user="nobody")
    assert done.returncode == 77 and not done.stdout and "sudo" in done.stderr
    assert service.property("ActiveState") == "active"
