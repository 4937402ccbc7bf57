"""`async for event in client.events(…)`."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Callable, Generic, TypeVar, cast

from .deliveries import Deliveries
from .subscriptions import Subscription

Told = TypeVar("Told")


class EventStream(Generic[Told]):
    """Events (or deliveries), the most urgent that has come first. It ends with the client, or when it is closed.

    It is subscribed from its creation on. Leaving the loop does not end it: use `async with`, or `aclose`. One that
    nobody refers to any more ends by itself.
    """

    def __init__(
        self, subscription: Subscription, deliveries: Deliveries, forget: Callable[[Subscription], object]
    ) -> None:
        self._subscription = subscription
        self._deliveries = deliveries
        self._forget = forget
        self._loop = asyncio.get_running_loop()

    @property
    def subscription_id(self) -> str:
        """As gap notices name it."""
        return self._subscription.id

    def __aiter__(self) -> EventStream[Told]:
        return self

    async def __anext__(self) -> Told:
        subscription = self._subscription
        while (event := self._deliveries.take(subscription)) is None:
            if subscription.is_closed:
                raise StopAsyncIteration
            woken = self._loop.create_future()
            subscription.readers.append(woken)
            await woken
        return cast(Told, event)

    async def __aenter__(self) -> EventStream[Told]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Unsubscribes. What has come and was not taken is thrown away."""
        self._forget(self._subscription)

    def __del__(self) -> None:
        # Else what nobody takes would fill the window, and the client would stop reading.
        if not self._subscription.is_closed and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._forget, self._subscription)
