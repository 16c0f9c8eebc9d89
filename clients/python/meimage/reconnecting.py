"""Calls on a channel that could not connect.

Until its next attempt has succeeded grpcio fails every call at once with the failure that it remembers: also once the
server is back, for as long as the pause before that attempt lasts. So a call first lets the channel try again.
"""

import asyncio

from grpc import ChannelConnectivity, aio

_LOOK_SECONDS = 0.02
"""grpcio tells of changes, too, but keeps on telling whoever gave up waiting for one."""


class Reconnecting:
    """Whether the channel of a client remembers a failure. To be told of its channel before the first call."""

    def __init__(self) -> None:
        self._channel: aio.Channel | None = None

    def follow(self, channel: aio.Channel) -> None:
        """Look at this channel from now on."""
        self._channel = channel

    async def tried_again(self, until: float) -> None:
        """Return once a call would not fail from memory, or at ``until``, a time of the event loop in seconds."""
        clock = asyncio.get_running_loop().time
        while self._remembers_a_failure() and (left := until - clock()) > 0:  # noqa: ASYNC110 - nobody sets an event
            await asyncio.sleep(min(_LOOK_SECONDS, left))

    def _remembers_a_failure(self) -> bool:
        return self._channel is not None and self._channel.get_state() is ChannelConnectivity.TRANSIENT_FAILURE
