"""Many clients lose their router in one instant."""

import asyncio

COUNT, WINDOW = 200, 4000


async def test_200_clients_do_not_come_back_in_one_instant(driver, start):
    """kill -9 tells nobody when to come back, so only their own pauses, random parts of 4 s, spread them.

    A fixed pause, also one with a tenth of noise, would have half of them and more in one tenth of the window; one that
    is random from its half on would have none of them in the first half. Evenly spread, 40 % in a tenth is out of reach
    of chance (20 are expected, give or take 4), and takes more than a second in which nothing runs.
    """
    router = await asyncio.to_thread(start)
    async with driver() as program:
        assert await program.ask("crowd", url=router.url, count=COUNT, window_ms=WINDOW) == COUNT
        router.kill()
        await asyncio.to_thread(start, port=router.port, log_level="warning")
        while program.crowd is None:
            await asyncio.sleep(0.05)
        tenths = [sum(tenth <= 10 * after // WINDOW < tenth + 1 for after in program.crowd) for tenth in range(10)]
        late = sum(after >= WINDOW for after in program.crowd)
        print(f"{program.sdk}: arrivals by tenth of the window: {tenths}, a second attempt: {late}")
        assert max(tenths) < 0.4 * COUNT and sum(tenths[:5]) > 0.15 * COUNT
