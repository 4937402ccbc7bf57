"""Health, readiness, metrics and status over HTTP: what is answered, and to whom."""
import json

import pytest

from client import connect
from control import control
from web import ask, browse, metrics, port_of, request

HTTP = {"admin__http": "127.0.0.1:0"}
PATHS = ["/", "/healthz", "/readyz", "/metrics", "/status"]


def rounded(text: str) -> float:
    """The control program reads numbers and writes them again, which the last digit may not survive."""
    return round(float(text), 9)


async def test_health_and_readiness_are_a_word_each(start):
    router = start(**HTTP)
    healthz, readyz = await ask(router, "/healthz"), await ask(router, "/readyz")
    assert (healthz.status, healthz.body) == (200, "ok\n")
    assert (readyz.status, readyz.body) == (200, "ready\n")


async def test_the_status_is_the_one_of_the_control_program(start):
    router = start(**HTTP)
    async with await connect(router) as client:
        await client.subscribe("t")
        await client.publish({"topic": "t", "priority": 7})
        await client.event()
        answer, told = await ask(router, "/status"), await control(router, "status", "--json")
        assert answer.headers["content-type"] == "application/json"
        here, there = (json.loads(text, parse_float=rounded) for text in (answer.body, told.out))
        for status in (here, there):
            assert status["health"].pop("uptime") > 0
            # What is measured from moment to moment.
            status.pop("rates")
        assert here == there
        assert here["health"]["connected_clients"] == 1 and here["phase"] == "running"
        assert f"http://127.0.0.1:{port_of(router)}" in here["listeners"]


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_says_what_it_is_and_is_not_to_be_kept_or_read_by_other_pages(start, path):
    answer = await ask(start(**HTTP), path, origin="https://evil.example")
    assert answer.status == 200 and answer.body.endswith("\n")
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-content-type-options"] == "nosniff"
    assert "content-type" in answer.headers and "date" in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_what_there_is_stands_in_the_list_and_in_the_answer_to_what_there_is_not(start):
    router = start(**HTTP)
    index, lost = await ask(router, "/"), await ask(router, "/statuz")
    assert (index.status, lost.status) == (200, 404)
    for path in PATHS:
        assert path in index.body and path in lost.body
        assert (await ask(router, f"{path}?x=y")).status == 200
    for other in ("/metrics/", "//metrics", "/Metrics", "/%6detrics", "/../metrics", "/healthz;x"):
        assert (await ask(router, other)).status == 404, other


@pytest.mark.parametrize("path", PATHS)
async def test_head_is_answered_without_a_body_and_the_connection_goes_on(start, path):
    async with await browse(start(**HTTP)) as web:
        head, get = await web.ask(path, "HEAD"), await web.ask(path)
        assert head.status == get.status == 200 and head.body == "" and get.body
        assert int(head.headers["content-length"]) > 0
        assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"])
async def test_other_methods_are_refused_with_those_that_there_are(start, method):
    router = start(**HTTP)
    for path in PATHS:
        answer = await ask(router, path, method)
        assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD", path
    assert (await ask(router, "/no", method)).status == 404


async def test_a_body_is_not_taken(start):
    router = start(**HTTP)
    for headers in ({}, {"transfer_encoding": "chunked", "content_length": None}, {"expect": "100-continue"}):
        async with await browse(router) as web:
            answer = await web.ask("/healthz", "GET", b"1\r\nx\r\n0\r\n\r\n", **headers)
            assert answer.status == 413 and answer.headers["connection"] == "close", headers
            assert await web.rest() == ""
    async with await browse(router) as web:
        assert (await web.ask("/", "POST", b"x" * 100)).status == 405
        assert await web.rest() == ""
        assert (await ask(router, "/healthz", content_length="0")).status == 200


async def test_a_request_for_a_name_that_a_web_page_could_have_is_refused(start):
    router = start(**HTTP)
    port = port_of(router)
    for host in ("localhost", f"LOCALHOST:{port}", "127.0.0.1", f"[::1]:{port}", "192.0.2.7",
                 "127.0.0.1:1", "localhost:8000", "localhost."):
        assert (await ask(router, "/metrics", host=host)).status == 200, host
    for host in (f"rebound.example:{port}", "localhost.evil.example", f"localhost:{port}x", "", "x" * 2000):
        answer = await ask(router, "/metrics", host=host)
        assert answer.status == 421 and "admin.http_hosts" in answer.body and "gadugi_router" not in answer.body, host
        assert len(answer.body) < 1000


async def test_a_request_without_a_host_or_with_two_is_refused(start):
    router = start(**HTTP)
    assert (await ask(router, "/metrics", host=None)).status == 400
    assert (await ask(router, "/healthz", host=None, version="1.0")).status == 200
    async with await browse(router) as web:
        await web.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert (await web.answer()).status == 400
    assert (await ask(router, "http://evil.example/metrics")).status == 421
    assert (await ask(router, "http://localhost/healthz")).status == 200


async def test_names_that_are_set_are_answered(start):
    router = start(**HTTP, admin__http_hosts="Metrics.example.org,box:80")
    for host, status in {"metrics.example.org": 200, "METRICS.example.org:443": 200, "box:80": 200, "box": 421,
                         "other.example.org": 421}.items():
        assert (await ask(router, "/healthz", host=host)).status == status, host


@pytest.mark.parametrize("accept, open_metrics", [
    (None, False), ("*/*", False), ("text/plain", False), ("text/html,*/*;q=0.8", False),
    ("application/openmetrics-text", True), ("application/openmetrics-text; version=1.0.0; charset=utf-8", True),
    ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", True),
    ("text/plain, application/openmetrics-text;q=0.5", False), ("application/openmetrics-text;q=0", False),
    ("application/openmetrics-text;q=x", False), (",;,", False),
])
async def test_metrics_come_in_the_format_that_is_asked_for(start, accept, open_metrics):
    answer = await ask(start(**HTTP), "/metrics", accept=accept)
    kind = "application/openmetrics-text; version=1.0.0" if open_metrics else "text/plain; version=0.0.4"
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert answer.body.endswith("\n# EOF\n") == open_metrics and ("# UNIT " in answer.body) == open_metrics


async def test_several_requests_at_once_are_answered_in_their_order(start):
    async with await browse(start(**HTTP)) as web:
        await web.send(request("/healthz") + request("/nothing") + request("/readyz", "HEAD") + request("/status"))
        answers = [await web.answer(method) for method in ("GET", "GET", "HEAD", "GET")]
        assert [answer.status for answer in answers] == [200, 404, 200, 200]


async def test_what_is_counted_is_told(start):
    router = start(**HTTP)
    async with await connect(router) as client:
        await client.subscribe("t")
        for priority in (1, 5, 5, 10):
            await client.publish({"topic": "t", "priority": priority})
            await client.event()
        found = await metrics(router)
        of_five = 'priority="5"'
        assert found[f"gadugi_router_events_accepted_total{{{of_five}}}"] == 2
        assert found["gadugi_router_events_processed_total"] == found["gadugi_router_deliveries_total"] == 4
        assert found[f"gadugi_router_queue_wait_seconds_count{{{of_five}}}"] == 2
        assert found[f"gadugi_router_delivery_latency_seconds_count{{{of_five}}}"] == 2
        assert found["gadugi_router_clients"] == found["gadugi_router_subscriptions"] == 1
        assert found['gadugi_router_phase{phase="running"}'] == 1 and found['gadugi_router_phase{phase="draining"}'] == 0
        assert found[f'gadugi_router_dead_letters_total{{priority="1",reason="evicted"}}'] == 0
    open_metrics = await metrics(router, accept="application/openmetrics-text")
    assert {name.partition("{")[0] for name in open_metrics} == {name.partition("{")[0] for name in found}
