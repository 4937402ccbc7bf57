"""A log file that logrotate moves away."""
import asyncio
import signal

from client import connect, until
from routers import free_port


async def test_after_sigusr1_the_log_goes_on_at_its_path(start, tmp_path):
    file, moved = tmp_path / "router.log", tmp_path / "router.log.1"
    router = start(log__target="file", log__file=str(file), log_level="debug", port=free_port())
    await until(lambda: file.exists() and "listening" in file.read_text(), "the first line")
    file.rename(moved)
    async with await connect(router) as before:
        await until(lambda: before.welcome["client_id"] in moved.read_text(), "a line in the old file")
    router.process.send_signal(signal.SIGUSR1)
    await until(file.exists, "the new file")
    async with await connect(router) as after:
        await until(lambda: after.welcome["client_id"] in file.read_text(), "a line in the new file")
    await asyncio.to_thread(router.stop)
    assert after.welcome["client_id"] not in moved.read_text()
    assert "stopped" in file.read_text()


async def test_where_no_new_file_can_be_had_the_old_one_goes_on(start, tmp_path):
    file, moved = tmp_path / "router.log", tmp_path / "router.log.1"
    router = start(log__target="file", log__file=str(file), port=free_port())
    await until(lambda: file.exists() and "listening" in file.read_text(), "the first line")
    file.rename(moved)
    file.mkdir()
    router.process.send_signal(signal.SIGUSR1)
    await until(lambda: "cannot be opened anew" in moved.read_text(), "the complaint in the old file")
    await asyncio.to_thread(router.stop)
    assert "stopped" in moved.read_text()
