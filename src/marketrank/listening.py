"""The socket from which several processes take connections."""

import socket
from collections.abc import Callable
from multiprocessing.reduction import DupFd
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uvicorn

_LEFT = 0.002  # seconds in which a process that has taken a connection takes no other
_NAP = 0.0002


class SharedSocket(socket.socket):
    """Hands out one connection, and leaves the next to other processes for a moment.

    asyncio goes on accepting until nobody waits. Of processes that share a socket, the one that is
    first would so get the connections of all who come together, and since clients keep them, their
    requests as well, while the others have nothing to do
    (docs/adr/0247-connections-are-shared-out.md).
    """

    _mine_from = 0.0

    def accept(self) -> tuple[socket.socket, Any]:
        """As that of any socket, but in the moment after one as if nobody waited. Raises
        BlockingIOError then, which asyncio takes for that, and looks again."""
        if monotonic() < self._mine_from:
            sleep(_NAP)  # so that others get this core, too
            raise BlockingIOError
        found = super().accept()
        self._mine_from = monotonic() + _LEFT
        return found

    def __reduce__(self) -> tuple[Callable[..., "SharedSocket"], tuple[Any, ...]]:
        """For the processes that multiprocessing starts, which get the same one."""
        return _from_parent, (DupFd(self.fileno()), self.family, self.type, self.proto)


def listening(config: "uvicorn.Config") -> SharedSocket:
    """Bound, and handing on to its connections to send at once. Without, an answer's body waits
    for the client to acknowledge its head, which a client may put off for 40 ms: asyncio asks for
    it only where a socket names its protocol, which uvicorn's does not
    (docs/adr/0239-answers-are-sent-at-once.md)."""
    bound = config.bind_socket()
    found = SharedSocket(bound.family, bound.type, bound.proto, fileno=bound.detach())
    found.set_inheritable(True)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def _from_parent(handle: Any, family: int, kind: int, protocol: int) -> SharedSocket:
    return SharedSocket(family, kind, protocol, fileno=handle.detach())
