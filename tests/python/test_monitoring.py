"""Metrics, alert rules and dashboard agree with each other, with their description, and with a real Prometheus."""
import json
import math
import re
from collections import Counter

from client import connect, until
from prometheus import MONITORING, Prometheus, promtool
from routers import ROOT
from test_admin_http import HTTP
from web import ask, port_of, samples

NAME = re.compile(r"\b(?:gadugi_router|process)_[a-z0-9_]+\b")
PRIORITIES = [str(priority) for priority in range(1, 11)]
LABELS = {"priority", "reason", "outcome", "state", "phase", "version", "le"}
STORING = HTTP | {"store__kind": "memory"}


def dashboard() -> dict:
    return json.loads((MONITORING / "grafana-dashboard.json").read_text())


def panels() -> list[dict]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    """All that the panels ask Prometheus, for one router and a short time."""
    return [filled_in(target["expr"]) for panel in panels() for target in panel["targets"]]


def notes() -> list[str]:
    """What marks something in all of them."""
    return [filled_in(note["expr"]) for note in dashboard()["annotations"]["list"] if "expr" in note]


def filled_in(query: str) -> str:
    values = {"$job": "gadugi-router", "$instance": ".+", "$__rate_interval": "30s", "$__interval": "30s"}
    for variable, value in values.items():
        query = query.replace(variable, value)
    return query


async def exposed(router, **headers: str) -> str:
    answer = await ask(router, "/metrics", **headers)
    assert answer.status == 200
    return answer.body


def families(text: str) -> dict[str, str]:
    """Type by name, of the text format."""
    return dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))


def test_the_alert_rules_are_sound_and_fire_when_they_should():
    promtool("check", "rules", "prometheus-alerts.yml")
    promtool("test", "rules", "prometheus-alerts.test.yml")
    promtool("check", "config", "prometheus-scrape.yml")


def test_every_alert_is_tested_and_says_what_to_do():
    rules = (MONITORING / "prometheus-alerts.yml").read_text()
    tests = (MONITORING / "prometheus-alerts.test.yml").read_text()
    alerts = re.findall(r"alert: (\w+)", rules)
    assert len(alerts) == len(set(alerts)) >= 8
    for alert in alerts:
        assert f'alertname="{alert}"' in tests or f"alertname: {alert}" in tests, alert
    for part in ("severity:", "summary:", "description:", "action:"):
        assert rules.count(part) == len(alerts), part


async def test_metrics_are_as_prometheus_wants_them(start):
    router = start(**STORING)
    async with await connect(router) as client:
        await client.subscribe("t")
        await client.publish({"topic": "t"})
        await client.event()
    text = await exposed(router)
    promtool("check", "metrics", text=text)
    for sample in samples(text):
        labels = set(re.findall(r'(\w+)="', sample))
        assert labels <= LABELS, f"{sample}: a label that may have any number of values"
    assert len(samples(text)) < 1_000


async def test_the_description_has_each_metric_and_no_other(start):
    text = (ROOT / "docs" / "metrics.md").read_text()
    told = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE))
    # The text format knows no info.
    told = {name: "gauge" if kind == "info" else kind for name, kind in told.items()}
    assert told == families(await exposed(start(**STORING)))


async def test_dashboard_and_rules_ask_for_what_there_is(start):
    text = await exposed(start(**STORING))
    there = set(families(text)) | {sample.partition("{")[0] for sample in samples(text)}
    rules = (MONITORING / "prometheus-alerts.yml").read_text()
    asked = {name for query in [*queries(), *notes(), rules] for name in NAME.findall(query)}
    assert asked <= there, asked - there
    shown = {name for query in queries() for name in NAME.findall(query)}
    unseen = {name for name in families(text) if not any(name in shown_name for shown_name in shown)}
    assert not unseen, "metrics that no panel shows"


def test_every_panel_has_a_place_a_unit_and_a_description():
    ids, covered = set(), Counter()
    for panel in dashboard()["panels"]:
        assert panel["id"] not in ids and panel["title"]
        ids.add(panel["id"])
        place = panel["gridPos"]
        covered.update((x, y) for x in range(place["x"], place["x"] + place["w"])
                       for y in range(place["y"], place["y"] + place["h"]))
        assert place["x"] + place["w"] <= 24
    assert max(covered.values()) == 1, "two panels at one place"
    for panel in panels():
        assert panel["description"].endswith("."), panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}" and panel["targets"], panel["title"]
        assert panel["type"] == "heatmap" or panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert all('job="$job", instance=~"$instance"' in target["expr"] for target in panel["targets"]), panel["title"]


async def publish_some(router) -> Counter:
    """Delivered ones and dead ones, of every priority; how many were accepted."""
    accepted = Counter()
    async with await connect(router) as client:
        await client.subscribe("t.*")
        for priority in PRIORITIES:
            for _ in range(int(priority)):
                await client.publish({"topic": "t.x", "priority": int(priority)})
                await client.event()
                accepted[priority] += 1
        # Larger than an outbox: nobody can have it.
        await client.publish({"topic": "t.y", "priority": 3, "payload": {"text": "x" * 20_000}})
        accepted["3"] += 1
        # A delivery counts as handed over at the next turn of its connection.
        await client.ping()
    return accepted


async def test_a_real_prometheus_reads_what_was_published(start, tmp_path):
    router = start(**STORING, limits__outbox_size="10KB", limits__max_message_size="100KB")
    accepted = await publish_some(router)
    async with Prometheus(tmp_path, port_of(router)) as prometheus, await connect(router) as client:
        await client.subscribe("t.*")
        total = "gadugi_router_events_accepted_total"

        async def all_are_seen():
            return sum((await prometheus.query(total)).values()) == accepted.total()
        await until(all_are_seen, "Prometheus has read it", 60)
        assert await prometheus.query(total) == {(priority,): accepted[priority] for priority in PRIORITIES}
        assert await prometheus.query("gadugi_router_deliveries_total") == {(): accepted.total() - 1}
        assert await prometheus.query("gadugi_router_queue_wait_seconds_count") == {
            (priority,): accepted[priority] for priority in PRIORITIES}
        assert await prometheus.query('gadugi_router_dead_letters_total > 0') == {("3", "oversized"): 1}
        assert await prometheus.query("gadugi_router_clients") == {(): 1}
        # The format that it asked for has a type and a unit for each.
        known = await prometheus.ask("targets/metadata", metric="gadugi_router_delivery_latency_seconds")
        assert [(one["type"], one["unit"]) for one in known] == [("histogram", "seconds")]
        await look_at_rules_and_dashboard(router, prometheus, client)


async def look_at_rules_and_dashboard(router, prometheus, client) -> None:
    """With traffic, so that rates and quantiles have something to say."""
    async def quantiles_are_there():
        await client.publish({"topic": "t.x", "priority": 9})
        await client.event()
        found = await prometheus.query("histogram_quantile(0.99, sum by (priority, le) (rate("
                                       "gadugi_router_delivery_latency_seconds_bucket[30s])))")
        return not math.isnan(found.get(("9",), math.nan)) and found
    found = await until(quantiles_are_there, "a quantile of what was published", 60)
    assert 0 < found[("9",)] <= 10
    for query in queries():
        assert await prometheus.query(query), query
    for query in notes():
        assert not await prometheus.query(query), "it was started once only"
    groups = (await prometheus.ask("rules"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) >= 8 and all(rule["health"] == "ok" for rule in rules), rules
    assert not [rule["name"] for rule in rules if rule["state"] == "firing"]
