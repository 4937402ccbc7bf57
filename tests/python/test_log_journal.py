"""The log in the journal: its fields, and a journal that is stuck."""
import asyncio
import subprocess

import pytest

from client import Client, connect, open_socket, until
from journals import PRIORITIES, Journal, message_ids
from routers import environment, free_port, program

SECRET = "nobody-else-may-read-this"


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal")
    yield journal
    journal.close()


def start_with(journal, start, stderr_is_connected=False, **settings):
    return start(before=journal.before(stderr_is_connected), port=free_port(), **settings)


async def record_of(journal, text: str) -> dict[str, str]:
    records = await until(lambda: journal.with_message(text), f"a record with {text!r}")
    return records[0]


async def test_a_record_has_its_priority_its_fields_and_where_it_is_from(start, journal):
    router = start_with(journal, start, log__target="journald", log_level="debug")
    async with await connect(router) as client:
        await client.publish({"topic": "t", "payload": {"text": SECRET}}, receipt="dispatched")
        record = await record_of(journal, "connected")
    assert record["PRIORITY"] == PRIORITIES["DEBUG"]
    assert record["GADUGI_CLIENT_ID"] == client.welcome["client_id"]
    assert record["GADUGI_REMOTE"].startswith("127.0.0.1:")
    assert record["SYSLOG_IDENTIFIER"] == "gadugi-router"
    assert record["CODE_FILE"].endswith(".rs") and int(record["CODE_LINE"]) > 0
    assert "MESSAGE_ID" not in record
    assert router.log() == ""
    assert not [record for record in journal.records if SECRET in str(record)]


async def test_start_stop_and_drain_have_ids(start, journal):
    router = start_with(journal, start, log__target="journald")
    started = await record_of(journal, "listening on")
    await asyncio.to_thread(router.stop)
    ends = [await record_of(journal, words) for words in ("SIGTERM", "drained", "stopped")]
    ids = message_ids()
    expected = [ids["start"], ids["stop"], ids["drain"], ids["stop"]]
    assert [record["MESSAGE_ID"] for record in (started, *ends)] == expected
    assert {record["PRIORITY"] for record in (started, *ends)} == {PRIORITIES["INFO"]}


async def test_a_refused_client_has_an_id_and_a_reason(start, journal):
    router = start_with(journal, start, log__target="journald", max_clients=1)
    async with await connect(router):
        second = Client(await open_socket(router))
        await second.closed()
    record = await record_of(journal, "refused")
    assert record["PRIORITY"] == PRIORITIES["WARN"] and record["MESSAGE_ID"] == message_ids()["client_refused"]
    assert record["GADUGI_REASON"] and record["GADUGI_REMOTE"]


async def test_a_stderr_that_is_connected_to_the_journal_is_found_out(start, journal):
    router = start_with(journal, start, stderr_is_connected=True)
    await record_of(journal, "listening on")
    assert router.log() == ""


async def test_a_stderr_that_is_not_connected_to_the_journal_is_used(start, journal):
    router = start(before=["env", "JOURNAL_STREAM=1:1", *journal.before()])
    assert "listening on" in router.log()
    assert journal.records == []


async def test_a_journal_that_is_stuck_holds_nothing_up(start, journal):
    router = start_with(journal, start, log__target="journald", log_level="debug")
    async with await connect(router) as subscriber, await connect(router) as publisher:
        await subscriber.subscribe("t")
        await record_of(journal, "connected")
        journal.stall()
        # More records than the kernel keeps for the journal: the log's thread waits.
        for _ in range(300):
            async with await connect(router):
                pass
        for number in range(100):
            await publisher.publish({"topic": "t", "payload": {"n": number}}, receipt="dispatched")
        for number in range(100):
            assert (await subscriber.expect("event"))["event"]["payload"] == {"n": number}
    await asyncio.to_thread(router.stop)
    assert journal.left() < 300, "the journal was never stuck"


async def test_a_journal_that_is_asked_for_and_not_there_is_said_in_one_line(tmp_path):
    (tmp_path / "empty.toml").touch()
    command = [program(), "-c", tmp_path / "empty.toml", "--port", "0"]
    journal = Journal(tmp_path / "journal")
    journal.close()
    (journal.folder / "socket").unlink()
    ended = subprocess.run([*journal.before(), *command], env=environment(tmp_path, log__target="journald"),
                           capture_output=True, text=True, timeout=30)
    assert ended.returncode == 69 and ended.stdout == ""
    assert "journal" in ended.stderr and ended.stderr.count("\n") == 1
