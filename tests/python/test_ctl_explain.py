"""gadugi-routerctl explain: each planted fault is named by one command, in text and in JSON."""
import asyncio
from contextlib import asynccontextmanager

import pytest

from client import connect, until
from control import control
from stalled import fill_until_refused, stalled_subscriber

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@asynccontextmanager
async def subscribed(router, *topics, **filters):
    async with await connect(router) as client:
        await client.subscribe(*topics, **filters)
        yield ["--client", client.welcome["client_id"]]


@asynccontextmanager
async def other_member(router):
    """A busy member of a group beside one that has nothing to do."""
    busy = await stalled_subscriber(router, "t", group="workers")
    async with await connect(router) as publisher:
        for _ in range(100):
            await publisher.publish({"topic": "t", "payload": {"text": "x" * 30_000}})
        async with await connect(router) as idle:
            await idle.subscribe("t", group="workers")
            yield ["--subscription", busy.subscription]
    busy.vanish()


@asynccontextmanager
async def nobody(router, *words):
    yield words


@asynccontextmanager
async def no_subscription(router):
    async with await connect(router) as client:
        yield ["--client", client.welcome["client_id"][:8]]


@asynccontextmanager
async def full_outbox(router):
    slow = await stalled_subscriber(router, "t")
    await fill_until_refused(router, "t", 5)
    yield ["--subscription", slow.subscription]
    slow.vanish()


@asynccontextmanager
async def draining(router):
    """A subscriber that does not read holds the end up."""
    slow = await stalled_subscriber(router, "t")
    await fill_until_refused(router, "t", 5)
    ending = asyncio.create_task(control(router, "drain"))
    async def is_draining():
        return (await control(router, "status", "--json")).json["phase"] == "draining"
    await until(is_draining, "it drains")
    yield ["--subscription", slow.subscription]
    slow.vanish()
    await ending
    router.ended()


# What is wrong; the event that is asked about; the step and reason that must be named, and words of the text.
FAULTS = {
    "a wildcard stands for one part": (
        lambda router: subscribed(router, "task.*"), ["--topic", "task.a.b"], "pattern", "too_many_parts",
        '"task.*" has 2 parts, the topic 3'),
    "a pattern is longer than the topic": (
        lambda router: subscribed(router, "task.**"), ["--topic", "task"], "pattern", "too_few_parts",
        '"task.**" has 2 parts, the topic only 1'),
    "a part is misspelt": (
        lambda router: subscribed(router, "task.creatd"), ["--topic", "task.created"], "pattern", "another_part",
        '"task.creatd" has "creatd" as part 2, the topic "created"'),
    "a star inside of a part": (
        lambda router: subscribed(router, "task.cre*"), ["--topic", "task.created"], "pattern", "another_part",
        "a * inside of a part stands for itself"),
    "the priority is too low": (
        lambda router: subscribed(router, "t", priorities=[7]), ["--topic", "t", "--priority", "LOW"], "priority",
        "too_low", "priority 3 is below 7"),
    "another type": (
        lambda router: subscribed(router, "t", types=["task.failed"]), ["--topic", "t", "--type", "task.created"],
        "type", "not_wanted", "type task.created is none that it wants: task.failed"),
    "another source": (
        lambda router: subscribed(router, "t", sources=["a", "b"]), ["--topic", "t", "--source", "c"], "source",
        "not_wanted", 'source "c" is none that it wants: "a", "b"'),
    "another target": (
        lambda router: subscribed(router, "t", targets=["me"]), ["--topic", "t", "--target", "you"], "target",
        "not_wanted", 'target "you" is none that it wants: "me"'),
    "no target": (
        lambda router: subscribed(router, "t", targets=["me"]), ["--topic", "t"], "target", "none",
        "the event has none"),
    "another member of the group gets it": (
        other_member, ["--topic", "t"], "group", "more_waiting", 'in the group "workers" the subscription'),
    "the client is not connected": (
        lambda router: nobody(router, "--client", "4711"), ["--topic", "t"], "client", "not_connected",
        'no client that is connected has the id or address "4711"'),
    "the client has no subscription": (
        no_subscription, ["--topic", "t"], "subscription", "none", "has no subscription"),
    "the subscription does not exist": (
        lambda router: nobody(router, "--subscription", UNKNOWN), ["--topic", "t"], "subscription", "not_found",
        f'there is no subscription "{UNKNOWN}"'),
    "the outbox is full": (
        full_outbox, ["--topic", "t", "--priority", "5"], "outbox", "evicted", "its outbox is full (50 events"),
    "the outbox is too small": (
        lambda router: subscribed(router, "t"), ["--topic", "t", "--size", "2MB"], "outbox", "oversized",
        "limits.outbox_size"),
    "the message is too large": (
        lambda router: subscribed(router, "t"), ["--topic", "t", "--size", "11MB"], "limit", "too_large",
        "limits.max_message_size is 10000000"),
    "the router winds down": (
        draining, ["--topic", "t", "--priority", "10"], "limit", "draining", "accepts nothing more"),
}


def steps_of(answer: dict) -> list[tuple[str, str]]:
    steps = answer["steps"] + [step for row in answer["subscriptions"] for step in row["steps"]]
    return [(step["step"], step["reason"]) for step in steps]


@pytest.mark.parametrize("name", FAULTS)
async def test_a_planted_fault_is_named(start, name):
    plant, event, step, reason, words = FAULTS[name]
    router = start(limits__outbox_events=50 if step in ("outbox", "limit") else 1_000,
                   limits__outbox_size="1MiB" if reason == "oversized" else "16MiB", drain__timeout="60s")
    async with plant(router) as whom:
        text = await control(router, "explain", *event, *whom)
        answer = await control(router, "explain", *event, *whom, "--json")
    assert (text.code, text.err, answer.code, answer.err) == (1, "", 1, "")
    assert answer.json["reaches"] is False
    # The first one is the fault: nothing else was planted.
    assert steps_of(answer.json)[0] == (step, reason)
    assert f"{step} ({reason}): " in text.out and words in text.out, text.out
    assert all(row["verdict"] == "would_not_be_delivered" for row in answer.json["subscriptions"])


async def test_what_would_be_delivered_ends_with_0_and_names_what_stands_in_the_way_of_others(router):
    async with await connect(router) as one, await connect(router) as other:
        right = await one.subscribe("task.*", priorities=[3])
        wrong = await other.subscribe("job.*", priorities=[9], types=["task.failed"])
        outcome = await control(router, "explain", "--topic", "task.created", "--json")
        assert outcome.code == 0 and outcome.json["reaches"] is True
        first, second = outcome.json["subscriptions"]
        assert (first["subscription"], first["verdict"], first["steps"]) == (right, "would_be_delivered", [])
        assert second["subscription"] == wrong and second["client"] == other.welcome["client_id"]
        assert [step["step"] for step in second["steps"]] == ["pattern", "priority", "type"]
        text = (await control(router, "explain", "--topic", "task.created")).out.splitlines()
        assert text[0] == "an event: topic task.created, priority 5, type custom, source its publisher's id, target none"
        assert text[1].startswith(f"yes: subscription {right} ") and text[2].startswith(f"no: subscription {wrong} ")
        assert text[-1] == "1 of 2 subscriptions would get it"
        # And so it is.
        await one.publish({"topic": "task.created"})
        assert (await one.event())["topic"] == "task.created"
        assert await other.drained_topics() == []


async def test_of_many_subscriptions_the_nearest_are_shown(router):
    async with await connect(router) as client:
        for number in range(300):
            await client.subscribe(f"far.{number}")
        near = await client.subscribe("near", priorities=[8])
        answer = (await control(router, "explain", "-t", "near", "-n", "2", "--json")).json
        assert answer["more"] and [row["subscription"] for row in answer["subscriptions"]][0] == near
        assert len(answer["subscriptions"]) == 2
        text = (await control(router, "explain", "-t", "near", "-n", "2")).out
        assert "… and more: --limit 301 shows all\n0 of 301 subscriptions would get it\n" in text


async def test_of_many_patterns_the_nearest_are_named_and_how_many_more_there_are(router):
    async with await connect(router) as client:
        await client.subscribe(*[f"far.{number}" for number in range(300)])
        answer = (await control(router, "explain", "-t", "near", "--json")).json
        [row] = answer["subscriptions"]
        assert len(row["topics"]) == 8 and row["more_topics"] == 292
        assert row["steps"][0]["message"].endswith("; and +292 more that are further from it")
        assert " +292 more: would not be delivered" in (await control(router, "explain", "-t", "near")).out
        # What was assumed is said, and nothing of how it was asked.
        assert (answer["event"]["priority"], answer["event"]["type"]) == (5, "custom") and "from" not in answer["event"]


async def test_what_a_slow_client_missed_is_told_only_where_the_event_is_for_it(start):
    router = start(limits__outbox_events=50, drain__timeout="1s")
    slow = await stalled_subscriber(router, "t")
    await fill_until_refused(router, "t", 5)
    of_other, of_it = [(await control(router, "explain", "-t", topic, "--json")).json["subscriptions"][0]["notes"]
                       for topic in ("other", "t")]
    assert of_other == [] and "deliveries because it is slow" in "".join(of_it)
    slow.vanish()


async def test_an_event_that_was_evicted_and_one_that_waits_are_found(start):
    router = start(limits__outbox_events=50, drain__timeout="1s")
    slow = await stalled_subscriber(router, "t")
    await fill_until_refused(router, "t", 5)
    lost = (await control(router, "dead-letters", "list", "--json")).json["dead_letters"][0]["id"]
    outcome = await control(router, "explain", lost, "--json")
    assert outcome.code == 1 and outcome.json["event"]["id"] == lost
    [row] = outcome.json["subscriptions"]
    assert (row["subscription"], row["verdict"]) == (slow.subscription, "dead_letter")
    assert [(step["step"], step["reason"]) for step in row["steps"]] == [("outbox", "evicted")]
    text = (await control(router, "explain", lost)).out
    assert "outbox (evicted): the subscriber was slow" in text and "deliveries because it is slow" in text
    async with await connect(router) as publisher:
        waits = (await publisher.publish({"topic": "t", "priority": 9}))["event_id"]
    outcome = await control(router, "explain", waits, "--json")
    assert outcome.code == 0
    assert [(fate["place"], fate["subscription"]) for fate in outcome.json["fates"]] == [("outbox", slow.subscription)]
    assert outcome.json["subscriptions"][0]["verdict"] == "waiting"
    slow.vanish()
    await until(lambda: nobody_is_there(router), "it is gone")
    text = await control(router, "explain", waits)
    assert text.code == 1 and "client (disconnected): the subscriber disconnected" in text.out


async def nobody_is_there(router) -> bool:
    return (await control(router, "status", "--json")).json["health"]["connected_clients"] == 0


async def test_an_event_that_expired_is_named_as_that(start):
    router = start(drain__timeout="1s")
    slow = await stalled_subscriber(router, "t")
    async with await connect(router) as publisher:
        for _ in range(100):
            await publisher.publish({"topic": "t", "payload": {"text": "x" * 30_000}})
        expired = (await publisher.publish({"topic": "t"}, ttl_ms=1))["event_id"]
    async def is_dead():
        return (await control(router, "dead-letters", "show", expired)).code == 0
    await until(is_dead, "it has expired")
    outcome = await control(router, "explain", expired, "--json")
    assert outcome.code == 1 and steps_of(outcome.json) == [("ttl", "expired")]
    assert "ttl (expired): its ttl_ms was over before" in (await control(router, "explain", expired)).out
    slow.vanish()


async def test_of_an_event_that_is_gone_it_says_that_nothing_is_remembered_and_how_to_ask(router):
    async with await connect(router) as client:
        await client.subscribe("t")
        done = (await client.publish({"topic": "t"}))["event_id"]
        await client.event()
        # The next turn counts it as written.
        await client.ping()
        for words in ([], ["--json"]):
            outcome = await control(router, "explain", done, *words)
            assert outcome.code == 69 and outcome.out == ""
            assert "knows nothing of the event" in outcome.err and "explain --topic" in outcome.err


@pytest.mark.parametrize("words", [[], ["x", "--topic", "t"], ["--topic", ""], ["--topic", "t", "-p", "11"],
                                   ["x", "-p", "3"], ["--topic", "t", "--client", "a", "--subscription", "b"]])
async def test_a_question_that_makes_no_sense_is_wrong_usage(router, words):
    outcome = await control(router, "explain", *words)
    assert outcome.code == 64 and outcome.out == ""


async def test_names_of_others_cannot_write_to_the_terminal(router):
    async with await connect(router) as client:
        await client.subscribe("t", sources=["\x1b[2Jevil"])
        text = (await control(router, "explain", "--topic", "t")).out
        assert "\x1b" not in text and r"\u{1b}[2Jevil" in text
