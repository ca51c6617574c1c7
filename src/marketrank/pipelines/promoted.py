"""The published model in use, opened once, following promotions."""

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from marketrank.errors import MarketrankError, NotReady
from marketrank.models.published import PublishedModel
from marketrank.models.registry import Registry
from marketrank.types import ModelVersion

_log = logging.getLogger(__name__)


class Promoted:
    """May be asked from several threads. While one opens a new version the others keep the old."""

    def __init__(
        self,
        registry: Registry,
        open_model: Callable[[Path], PublishedModel],
        on_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_refused` hears of each version that is refused."""
        self._on_refused = on_refused
        self._registry = registry
        self._open = open_model
        self._held: tuple[ModelVersion, PublishedModel] | None = None
        self._refused: ModelVersion | None = None
        self._opening = Lock()

    def current(self) -> tuple[ModelVersion, PublishedModel]:
        """The version in use. A damaged one is refused while an older one is held.

        Raises NotReady where none was promoted, Corrupt where the first one is damaged.
        """
        wanted = self._registry.current()
        held = self._held
        if held is not None and wanted in (held[0], self._refused, None):
            return held
        if wanted is None:
            raise NotReady(
                f"no model is in use in {self._registry.folder}; run `marketrank train all`, or "
                "choose a published one with `marketrank models promote`"
            )
        if not self._opening.acquire(blocking=held is None):
            assert held is not None  # only then it does not wait
            return held
        try:
            return self._opened(wanted)
        finally:
            self._opening.release()

    def _opened(self, wanted: ModelVersion) -> tuple[ModelVersion, PublishedModel]:
        held = self._held
        if held is not None and held[0] == wanted:  # another thread was first
            return held
        try:
            # Files may have been harmed since the promotion, which checked them too.
            self._registry.read(wanted, verify=True)
            self._held = (wanted, self._open(self._registry.path(wanted)))
        except MarketrankError as error:
            if held is None:
                raise
            self._refused = wanted
            self._on_refused()
            _log.error("model %s refused, %s stays: %s", wanted, held[0], error)
            return held
        return self._held
