"""The process that indexes, where API processes only read."""

import signal
from threading import Event

from marketrank.config import Settings
from marketrank.monitoring import logs
from marketrank.wiring import Marketplace


def run(settings: Settings, *, host: str, metrics_port: int | None) -> None:
    """Index until SIGTERM or SIGINT, unless another process does. Metrics are answered on
    `metrics_port`, where one is given."""
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    logs.configure(settings.log_format, requests=False)
    marketplace = Marketplace(settings)
    election = marketplace.election()
    pollers = marketplace.indexing(election)
    close = marketplace.metrics.listen(host, metrics_port) if metrics_port is not None else None
    for poller in pollers:
        poller.start()
    try:
        ended.wait()
    finally:
        election.stop()
        for poller in pollers:
            poller.stop()
        election.resign()
        if close is not None:
            close()
