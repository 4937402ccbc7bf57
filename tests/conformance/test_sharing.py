"""Groups, and requests from one SDK to the other."""

import asyncio

import pytest
from client import connect
from control import control
from drivers import Failed, until


async def test_members_of_a_group_share_the_work_across_both_sdks(driver, other_driver, router):
    async with driver() as program, other_driver() as other, await connect(router) as publisher:
        workers = [await each.connect(router.url, name) for each, name in ((program, "a"), (other, "b"))]
        for worker in workers:
            await worker.subscribe("work.*", group="workers", brief=True, handler_ms=1)
        for number in range(300):
            await publisher.publish({"topic": "work.x", "payload": {"n": number}})
        await until(lambda: sum(len(worker.events()) for worker in workers) >= 300, "all of it")
        shares = [worker.numbers() for worker in workers]
        assert sorted(shares[0] + shares[1]) == list(range(300)) and all(shares)


async def test_a_busy_member_leaves_to_others_what_it_has_not_begun(driver, router):
    async with driver() as program, await connect(router) as publisher:
        busy = await program.connect(router.url, "busy")
        await busy.subscribe("work", group="g", held=True, brief=True)
        for number in range(500):
            event = {"topic": "work", "payload": {"n": number, "pad": "x" * 1000}}
            await publisher.publish(event, receipt="dispatched")
        await busy.settled()
        # It was connected with all its room, and said hello anew when it joined.
        clients = (await control(router, "clients", "--json")).json["clients"]
        (seen,) = [client for client in clients if client["held"]]
        assert seen["held"] <= 32 and seen["awaits_credit"]
        # A stream that has handed an event out does not know whether it is handled.
        assert seen["held"] + seen["waiting_events"] in (499, 500)
        free = await program.connect(router.url, "free")
        await free.subscribe("work", group="g", brief=True)
        for number in range(500, 600):
            await publisher.publish({"topic": "work", "payload": {"n": number}})
        await until(lambda: len(free.events()) == 100, "all of it goes to the one that is free")


async def test_requests_across_the_sdks(driver, other_driver, router):
    async with driver() as program, other_driver() as other:
        asker, answerer = await program.connect(router.url), await other.connect(router.url, "b")
        await answerer.ask("respond", topic="echo", group=None)
        while not (await asker.settled())["active_subscriptions"]:
            await asyncio.sleep(0.01)
        questions = [{"n": number, "text": "ä👋"} for number in range(50)]
        replies = await asyncio.gather(*(asker.request("echo", question) for question in questions))
        assert [reply["payload"] for reply in replies] == [{"by": "b", "got": question} for question in questions]
        assert all(reply["metadata"]["causation_id"] and reply["metadata"]["correlation_id"] for reply in replies)
        with pytest.raises(Failed, match="request_failed") as failure:
            await asker.request("echo", "fail")
        assert "no such thing" in failure.value.text
        with pytest.raises(Failed, match="no_responders"):
            await asker.request("nobody")
        await asker.subscribe("deaf", sub="deaf")
        with pytest.raises(Failed, match="timeout"):
            await asker.request("deaf", timeout_ms=200)


async def test_of_a_group_of_responders_of_both_sdks_one_answers(driver, other_driver, router):
    async with driver() as program, other_driver() as other:
        one, two = await program.connect(router.url, "one"), await other.connect(router.url, "two")
        for each in (one, two):
            await each.ask("respond", topic="who", group="those")
        while (await one.settled())["active_subscriptions"] < 2:
            await asyncio.sleep(0.01)
        by = [(await one.request("who", number))["payload"]["by"] for number in range(20)]
        assert set(by) == {"one", "two"}


async def test_a_client_asks_itself_while_its_handlers_are_busy(driver, router):
    async with driver() as program:
        client = await program.connect(router.url, prefetch=1)
        await client.ask("respond", topic="echo", group=None)
        await client.subscribe("jam", held=True)
        for number in range(50):
            await client.publish("jam", number)
        assert (await client.request("echo", 1))["payload"] == {"by": "a", "got": 1}


async def test_a_request_waits_for_the_connection_like_any_event(driver, start):
    router = await asyncio.to_thread(start)
    async with driver() as program:
        client = await program.connect(router.url)
        await client.ask("respond", topic="echo", group=None)
        while not (await client.settled())["active_subscriptions"]:
            await asyncio.sleep(0.01)
        assert (await client.request("echo", 1))["payload"]["got"] == 1
        router.kill()
        await until(lambda: client.state == "reconnecting", "the loss")
        asking = asyncio.ensure_future(client.request("echo", 2))
        await asyncio.to_thread(start, port=router.port)
        assert (await asking)["payload"]["got"] == 2
