"""The other forms in which the unit is shipped: without a network, as several instances, and with the drop-ins that are examples."""
import urllib.request

import pytest

from client import connect, until
from routers import can_connect, free_port
from service import CONTROL, HTTP_SOCKET, SOCKET, UNIT
from stalled import numbered, publish_in_order


@pytest.fixture
def activated(service):
    """The form with inherited sockets and no network; its sockets are listened at."""
    service.example("socket-activated")
    service.ctl("start", SOCKET)
    return service


def networks(service) -> list[str]:
    """The network namespaces of the router and of the machine."""
    return [service.box.output("readlink", f"/proc/{pid}/ns/net") for pid in (service.pid(), 1)]


async def test_without_a_network_clients_are_served(activated):
    async with await connect(activated) as client:
        await client.subscribe("t")
        await publish_in_order(activated, [numbered("t", 5, number) for number in range(100)])
        assert [(await client.event())["payload"]["n"] for _ in range(100)] == list(range(100))
        router, machine = networks(activated)
        # A later systemd may not make one inside of a box, and says so.
        assert router != machine or activated.says("PrivateNetwork=yes is configured, but"), "its network is its own"
        assert "Connected Clients: 1" in activated.box.output(CONTROL, "status")
    refused = [record["MESSAGE"] for record in activated.own_records() if "could not" in record["MESSAGE"]]
    assert not refused


async def test_without_a_network_it_reloads_and_restarts(activated):
    activated.configure("max_clients = 1\n")
    async with await connect(activated) as client:
        pid = activated.pid()
        activated.configure("max_clients = 2\n")
        activated.ctl("reload", UNIT)
        await until(lambda: activated.says("changed: max_clients = 1 → 2"), "the reload is told in the journal")
        await client.ping("still here")
        assert activated.pid() == pid
    activated.ctl("restart", UNIT)
    assert activated.pid() != pid and activated.connects()


async def test_health_and_metrics_have_a_socket_of_their_own(activated):
    port = free_port()
    activated.drop_in(HTTP_SOCKET, "Socket", f"ListenStream=\nListenStream=127.0.0.1:{port}\n")
    # systemd refuses to start a socket of a service that runs already without it.
    activated.ctl("stop", UNIT, SOCKET)
    activated.ctl("start", HTTP_SOCKET, SOCKET)
    async with await connect(activated):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=60) as answer:
            assert answer.status == 200


async def test_two_instances_have_their_own_settings_and_directories(service):
    ports = {"one": free_port(), "two": free_port()}
    for name, port in ports.items():
        service.box.write(f"/etc/gadugi-router/{name}.toml", f"port = {port}\n")
    service.ctl("start", *(f"gadugi-router@{name}.service" for name in ports))
    for name, port in ports.items():
        assert can_connect(port)
        shown = service.box.output(CONTROL, "--socket", f"/run/gadugi-router-{name}/admin.sock", "status")
        assert f":{port}" in shown
    service.ctl("stop", "gadugi-router@one.service")
    assert not can_connect(ports["one"]) and can_connect(ports["two"])
    assert service.box.run("test", "-e", "/run/gadugi-router-one", check=False).returncode != 0
    service.ctl("stop", "gadugi-router@two.service")


async def test_a_port_below_1024_wants_its_drop_in(service):
    service.port = next(port for port in range(1023, 700, -1) if not can_connect(port))
    service.configure()
    service.drop_in(UNIT, "Service", "Restart=no\n")
    assert service.ctl("start", check=False).returncode != 0
    assert service.property("ExecMainStatus") == "69"
    service.example("low-port")
    service.ctl("start")
    service.url = f"ws://127.0.0.1:{service.port}"
    async with await connect(service) as client:
        await client.ping("low")


async def test_a_dynamic_user_does_as_well(service):
    service.example("dynamic-user")
    service.configure('[drain]\nspool = "/var/lib/gadugi-router/spool"\n')
    service.ctl("start")
    async with await connect(service) as client:
        await client.ping("here")
    assert service.box.output(CONTROL, "status").startswith("Event Router Status: RUNNING")
    service.ctl("stop")
    assert service.property("Result") == "success"


async def test_with_other_bounds_clients_of_this_machine_are_served(service):
    service.example("this-machine-only")
    service.example("memory")
    service.ctl("start")
    async with await connect(service) as client:
        await client.ping("near")


async def test_where_systemd_can_a_reload_is_waited_for(service):
    version = int(service.box.output("systemctl", "--version").split()[1])
    service.configure("max_clients = 1\n")
    service.example("notify-reload")
    if version < 253:
        done = service.box.run("systemd-analyze", "verify", "--man=no", UNIT, check=False)
        assert "Failed to parse service type, ignoring: notify-reload" in done.stderr
        service.ctl("start")
        assert service.property("Type") == "notify", "an older systemd says so, and does as before but for ExecReload="
        return
    service.ctl("start")
    async with await connect(service) as client:
        service.configure("max_clients = 2\n")
        service.ctl("reload")
        assert service.says("changed: max_clients = 1 → 2"), "it is done when systemctl comes back"
        await client.ping("still here")
        service.configure("max_clients = 0\n")
        service.ctl("reload", check=False)
        assert service.property("ActiveState") == "active" and "reload" in service.property("StatusText")
