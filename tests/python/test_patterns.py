"""Topic patterns, as a table: through the real index, all patterns and all topics at once."""
from client import connect

TOPICS = ["task", "task.created", "task.failed", "agent.failed", "task.review.done", "task.cre*", "tasks", "a.b.c.d",
          "", "task.", ".task", "a..b", "*", "Task.created"]
TOPICS = [topic for topic in TOPICS if topic]
MATCHES = {
    "*": TOPICS,
    "task": ["task"],
    "task.*": ["task.created", "task.failed", "task.cre*", "task."],
    "*.failed": ["task.failed", "agent.failed"],
    "*.*": ["task.created", "task.failed", "agent.failed", "task.cre*", "task.", ".task", "Task.created"],
    "task.cre*": ["task.cre*"],
    "task.*.done": ["task.review.done"],
    "*.review.*": ["task.review.done"],
    "*.*.*": ["task.review.done", "a..b"],
    "a.*.c.*": ["a.b.c.d"],
    "a.*.b": ["a..b"],
    "*task": [],
    "no.such": [],
}
TAILS = {
    "**": TOPICS,
    "task.**": ["task.created", "task.failed", "task.review.done", "task.cre*", "task."],
    "*.review.**": ["task.review.done"],
    "a.b.**": ["a.b.c.d"],
    "a.b.c.d.**": [],
    "*.**": [topic for topic in TOPICS if "." in topic],
}


async def seen_by_pattern(router, patterns) -> dict[str, list[str]]:
    async with await connect(router) as client, await connect(router) as publisher:
        names = {await client.subscribe(pattern): pattern for pattern in patterns}
        for topic in TOPICS:
            await publisher.publish({"topic": topic, "payload": {}})
        seen = {pattern: [] for pattern in patterns}
        for message in await client.drain():
            if message["subscription_id"] in names:
                seen[names[message["subscription_id"]]].append(message["event"]["topic"])
        return seen


async def test_patterns_match_part_by_part(router):
    assert await seen_by_pattern(router, MATCHES) == MATCHES


async def test_two_stars_at_the_end_match_one_or_more_parts(router):
    assert await seen_by_pattern(router, TAILS) == TAILS


async def test_patterns_find_their_topics_among_many_others(router):
    async with await connect(router) as crowd:
        for number in range(900):
            await crowd.subscribe(f"other.{number}.*", f"task.{number}", f"*.{number}.x.**")
        assert await seen_by_pattern(router, MATCHES | TAILS) == MATCHES | TAILS


async def test_two_stars_in_the_middle_are_refused(router):
    async with await connect(router) as client:
        error = await client.error({"type": "subscribe", "subscription": {"topics": ["a.**.b"]}})
        assert error["error"].startswith("Failed to subscribe:") and error["code"] == "invalid_subscription"
