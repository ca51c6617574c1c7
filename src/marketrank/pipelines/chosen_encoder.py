"""Which encoder listings are embedded with: that of the model in use or, where it turns out to be
broken, that of the release which answers."""

import logging
from collections.abc import Callable
from pathlib import Path

from marketrank.errors import MarketrankError
from marketrank.ports import Encoder
from marketrank.retrieval import release as releases

_NONE = Path()  # what a choice that cannot be read leads to
_log = logging.getLogger(__name__)


class ChosenEncoder:
    """Follows the model in use; what was refused is not tried again before another is chosen."""

    def __init__(
        self,
        chosen: Callable[[], Path],
        open_encoder: Callable[[Path], Encoder],
        release_folder: Path,
        on_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """`chosen` is the folder of the encoder that should be used; `on_refused` hears of each
        that cannot be."""
        self._chosen = chosen
        self._open = open_encoder
        self._release_folder = release_folder
        self._on_refused = on_refused
        self._held: tuple[Path, Encoder] | None = None
        self._refused: Path | None = None

    def current(self) -> tuple[Path, Encoder]:
        """Its folder, and the encoder. Raises what opening it did where there is no release whose
        encoder could be used instead."""
        try:
            folder = self._chosen()
        except MarketrankError as error:  # CURRENT may name a version that is not there
            return self.refuse(_NONE, error)
        if folder == self._refused:
            answering = self.answering()
            if answering is not None:
                return answering
        if self._held is None or self._held[0] != folder:
            try:
                self._held = folder, self._open(folder)
            except MarketrankError as error:
                return self.refuse(folder, error)
        self._refused = None
        return self._held

    def answering(self) -> tuple[Path, Encoder] | None:
        """The encoder of the current release; None where there is none that can be read."""
        name = releases.current(self._release_folder)
        if name is None:
            return None
        folder = self._release_folder / name / "encoder"
        try:
            return folder, self._open(folder)
        except MarketrankError as error:
            _log.warning("release %s has no encoder to go on with: %s", name, error)
            return None

    def refuse(self, folder: Path, error: MarketrankError) -> tuple[Path, Encoder]:
        """Use the encoder of the current release in place of a broken one, and return it. Raises
        `error` where it is that encoder which is broken, or there is none."""
        answering = self.answering()
        broken = self._held[1].version if self._held and self._held[0] == folder else None
        if answering is None or answering[1].version == broken:
            raise error
        if folder != self._refused:
            _log.error("the chosen encoder is refused, that of the release stays: %s", error)
            self._on_refused()
        self._refused, self._held = folder, None
        return answering
