"""The keys of buyers: one small file each, outside the database and its backups.

A file holds what a buyer's rows can be read with: their pseudonym and two keys, one for who they
are and one for what they did, so that the second can be destroyed alone. It is one file with two
names (hard links): by a keyed hash of the buyer's id, and by the pseudonym, which is random, so
that nobody who has the database alone can tell whose a row was. Overwriting the file destroys what
both names lead to. Nothing is cached: a key that another process has destroyed is gone here, too.

    keys/secret              key of the hashes
    keys/names/ab/<hash>     ─┬─ the same file
    keys/of/cd/<pseudonym>   ─┘
    keys/erasing/<pseudonym> an erasure that has begun and has not ended
"""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from marketrank.durable import sync
from marketrank.errors import Corrupt, NotReady
from marketrank.people import Pseudonym
from marketrank.storage.sealing import KEY_SIZE, digest, new_key
from marketrank.types import BuyerId

_PSEUDONYM_SIZE = 16
_SIZE = _PSEUDONYM_SIZE + 2 * KEY_SIZE


@dataclass(frozen=True, slots=True)
class Keys:
    """What a buyer's rows are read with. `repr` tells no key."""

    pseudonym: Pseudonym
    profile: bytes
    history: bytes

    def __repr__(self) -> str:
        return f"Keys({self.pseudonym})"

    @property
    def raw_pseudonym(self) -> bytes:
        return bytes.fromhex(self.pseudonym)


class KeyFolder:
    """The files of one marketplace; several processes may use them at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._secret: bytes | None = None

    def digest(self, what: str, text: str) -> bytes:
        """What stands for a text in the database: see `sealing.digest`."""
        return digest(self._read_secret(), what, text)

    def find(self, buyer: BuyerId) -> Keys | None:
        """None for a buyer who has none: unknown, or erased."""
        return _read(self._by_name(buyer))

    def of(self, pseudonyms: Iterable[bytes]) -> dict[bytes, Keys]:
        """Those of these pseudonyms that still exist."""
        found = {raw: _read(self._by_pseudonym(raw)) for raw in set(pseudonyms)}
        return {raw: keys for raw, keys in found.items() if keys is not None}

    def find_or_make(self, buyer: BuyerId) -> Keys:
        """Durable before it returns. Of several processes that make them at once one wins."""
        held = self.find(buyer)
        while held is None:
            self.make_missing([buyer])
            held = self.find(buyer)
        return held

    def make_missing(self, buyers: Iterable[BuyerId]) -> None:
        """Keys for those who have none. For many at once it takes a quarter of the time: folders
        are synced once."""
        names = [name for name in map(self._by_name, set(buyers)) if not name.exists()]
        if not names:
            return
        with _named_errors(self._folder):
            touched = {folder for name in names for folder in self._make(name)}
            for folder in touched:
                sync(folder)

    def forget_history(self, buyer: BuyerId) -> None:
        """Destroy the key of what they did; a new one takes its place."""
        path = self._by_name(buyer)
        with suppress(FileNotFoundError):
            _overwrite(path, new_key(), at=_PSEUDONYM_SIZE + KEY_SIZE)

    def destroy(self, buyer: BuyerId) -> bytes | None:
        """Destroy their keys; returns the pseudonym, None where there were none. It stays in
        `unfinished` until `finished` is told that its rows are gone too. One at a time, please: the
        caller holds a lock."""
        keys = self.find(buyer)
        if keys is None:
            return None
        name, mark = self._by_name(buyer), self._mark(keys.raw_pseudonym)
        _make_folder(mark.parent)
        name.rename(mark)  # the name is free from here on; the rest can be done by anybody
        sync(mark.parent)
        sync(name.parent)
        self.destroy_rest(keys.raw_pseudonym)
        return keys.raw_pseudonym

    def destroy_rest(self, pseudonym: bytes) -> None:
        """Go on where a `destroy` was cut short."""
        _overwrite(self._mark(pseudonym), bytes(_SIZE), at=0)
        other = self._by_pseudonym(pseudonym)
        other.unlink(missing_ok=True)
        sync(other.parent)

    def unfinished(self) -> list[bytes]:
        """Pseudonyms whose erasure has begun and whose rows may still be there."""
        try:
            return [bytes.fromhex(path.name) for path in sorted(self._erasing.iterdir())]
        except FileNotFoundError:
            return []

    def finished(self, pseudonym: bytes) -> None:
        self._mark(pseudonym).unlink(missing_ok=True)

    def _make(self, name: Path) -> tuple[Path, Path]:
        """Returns the folders to sync."""
        raw = os.urandom(_PSEUDONYM_SIZE)
        other = self._by_pseudonym(raw)
        part = _write_beside(self._folder, raw + new_key() + new_key())
        try:
            for path in (other, name):
                _make_folder(path.parent)
                # Fails where the name is taken: another process was first.
                with suppress(FileExistsError):
                    os.link(part, path)
            if _read(name) != _read(other):
                _overwrite(other, bytes(_SIZE), at=0)
                other.unlink()
        finally:
            part.unlink(missing_ok=True)
        return other.parent, name.parent

    def _read_secret(self) -> bytes:
        if self._secret is None:
            path = self._folder / "secret"
            if not path.exists():
                self._make_secret(path)
            secret = path.read_bytes()
            if len(secret) != KEY_SIZE:
                raise Corrupt(f"{path} is damaged: bring it back from a backup of the keys")
            self._secret = secret
        return self._secret

    def _make_secret(self, path: Path) -> None:
        with _named_errors(self._folder):
            _make_folder(self._folder)
            part = _write_beside(self._folder, new_key())
            with suppress(FileExistsError):
                os.link(part, path)
            part.unlink()
            sync(self._folder)

    def _by_name(self, buyer: BuyerId) -> Path:
        name = self.digest("buyer", buyer).hex()
        return self._folder / "names" / name[:2] / name

    def _by_pseudonym(self, pseudonym: bytes) -> Path:
        return self._folder / "of" / pseudonym.hex()[:2] / pseudonym.hex()

    def _mark(self, pseudonym: bytes) -> Path:
        return self._erasing / pseudonym.hex()

    @property
    def _erasing(self) -> Path:
        return self._folder / "erasing"


@contextmanager
def _named_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotReady(
            f"keys of buyers cannot be written to {folder}: {error.strerror}; check its "
            "permissions, the space left and that its file system has hard links, or set "
            "keys_folder"
        ) from error


def _read(path: Path) -> Keys | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    # Zeros: it is being destroyed at this moment.
    if len(data) != _SIZE or not any(data):
        return None
    pseudonym = Pseudonym(data[:_PSEUDONYM_SIZE].hex())
    return Keys(pseudonym, data[_PSEUDONYM_SIZE:-KEY_SIZE], data[-KEY_SIZE:])


def _write_beside(folder: Path, data: bytes) -> Path:
    part = folder / f".{secrets.token_hex(16)}"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
    return part


def _overwrite(path: Path, data: bytes, *, at: int) -> None:
    """In place, so that the old bytes are gone from the file's blocks, whatever its names."""
    handle = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(handle, data, at)
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_folder(folder: Path) -> None:
    """Nobody else may look inside."""
    if not folder.exists():
        _make_folder(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        sync(folder.parent)
