"""What a running router has given up, and that it needs none of it: Landlock, and being root."""
import asyncio

import pytest

from client import connect
from control import needs_root, open_to_others


async def test_the_log_says_how_far_files_were_given_up(start):
    router = start()
    assert "Landlock: " in router.log()
    other = start(process__landlock=False)
    assert "Landlock: " not in other.log()


@pytest.mark.parametrize("landlock", [True, False])
async def test_a_confined_router_works_and_removes_its_pid_file(start, tmp_path, landlock):
    router = start(process__landlock=landlock)
    pid_file = tmp_path / "router-0" / "gadugi-router.pid"
    assert pid_file.read_text() == f"{router.process.pid}\n"
    async with await connect(router) as client:
        await client.subscribe("t")
        await client.publish({"topic": "t"})
        assert (await client.event())["topic"] == "t"
    await asyncio.to_thread(router.stop)
    assert not pid_file.exists()


async def test_a_directory_that_a_confined_router_has_made_goes_with_it(start, tmp_path):
    made = tmp_path / "made"
    router = start(runtime_dir=made)
    assert (made / "gadugi-router.pid").read_text() == f"{router.process.pid}\n"
    await asyncio.to_thread(router.stop)
    assert not made.exists()


async def test_who_is_no_longer_root_can_still_remove_the_file_that_root_made(start, tmp_path):
    """The directory that was made for it is its own. The one above stays root's, and so an empty directory is left."""
    needs_root()
    open_to_others(tmp_path)
    made = tmp_path / "made"
    router = start(runtime_dir=made, process__user="nobody")
    assert made.owner() == "nobody" and sorted(file.name for file in made.iterdir()) == ["admin.sock", "gadugi-router.pid"]
    await asyncio.to_thread(router.stop)
    assert list(made.iterdir()) == []
