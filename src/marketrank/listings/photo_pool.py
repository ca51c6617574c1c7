"""Cleaning of many photos: decoded in processes of their own, which may die of one."""

import hashlib
import multiprocessing
import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import TracebackType
from typing import Self

from marketrank.errors import BadInput, Corrupt, NotReady
from marketrank.listings.images import CleanedPhoto, PhotoProblem, clean_photo
from marketrank.types import ImageId, Reason

Read = Callable[[ImageId, int], bytes | None]
"""`PhotoSource.read`: at most so many bytes of a photo, None where it is not there."""
_READERS = 8
"""Threads: a read from S3 takes ten times as long as cleaning, one from a disk a tenth."""
_HELD_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The photo's bytes are those that the known one was cleaned from."""


Outcome = CleanedPhoto | Unchanged | PhotoProblem


@dataclass(frozen=True, slots=True)
class _Job:
    """A photo on its way through a process; its bytes are kept in case the process dies."""

    data: bytes
    result: Future[CleanedPhoto | PhotoProblem]


class PhotoPool:
    """Processes that clean photos, started when the first is and kept until the block ends.

    `seconds` is how long one photo may take. One thread at a time may use a pool.
    """

    def __init__(
        self,
        *,
        processes: int,
        final_size: int,
        max_bytes: int,
        max_pixels: int,
        seconds: float = 60,
        clean: Callable[..., CleanedPhoto | PhotoProblem] = clean_photo,
    ) -> None:
        self._processes = processes
        self._max_bytes = max_bytes
        self._most_ahead = 2 * _READERS + 8 * processes
        clean = partial(clean, final_size=final_size, max_bytes=max_bytes, max_pixels=max_pixels)
        self._work = partial(_work, clean, seconds)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._workers: ProcessPoolExecutor | None = None
        self._suspects: ProcessPoolExecutor | None = None
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="photo-reader")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._readers.shutdown(cancel_futures=True)
        for executor in (self._workers, self._suspects):
            if executor is not None:
                executor.shutdown(cancel_futures=True)

    def clean(
        self, ids: Iterable[ImageId], read: Read, *, known: Mapping[ImageId, str]
    ) -> Iterator[tuple[ImageId, Outcome]]:
        """Read and clean photos; each id comes back once, in order, with what became of it.

        `known` holds the sha256 of the bytes that a photo was cleaned from before, with the same
        settings: the same bytes are not cleaned again. Photos are read ahead, at most 64 MB of
        them and one file for each of 8 threads. A photo that kills its process, or takes too long,
        is a problem like any other. Raises NotReady where the source has stopped answering or
        processes cannot be started.
        """
        ahead: deque[tuple[ImageId, Future[_Job | Outcome]]] = deque()
        remaining = iter(ids)
        try:
            while True:
                while self._has_room(ahead) and (image := next(remaining, None)) is not None:
                    begun = self._readers.submit(self._begin, image, read, known.get(image))
                    ahead.append((image, begun))
                if not ahead:
                    return
                image, begun = ahead.popleft()
                yield image, self._finish(begun.result())
        finally:
            for _, begun in ahead:
                begun.cancel()

    def _has_room(self, ahead: deque[tuple[ImageId, Future[_Job | Outcome]]]) -> bool:
        if len(ahead) >= self._most_ahead:
            return False
        read = [begun for _, begun in ahead if begun.done() and not begun.exception()]
        jobs = (job for begun in read if isinstance(job := begun.result(), _Job))
        return (
            len(ahead) - len(read) < _READERS and sum(len(job.data) for job in jobs) < _HELD_BYTES
        )

    def _begin(self, image: ImageId, read: Read, known: str | None) -> _Job | Outcome:
        try:
            data = read(image, self._max_bytes + 1)
        except (BadInput, Corrupt) as error:
            return PhotoProblem(Reason.PHOTO_UNREADABLE, str(error))
        if data is None:
            return PhotoProblem(Reason.PHOTO_MISSING, f"there is no file for photo {image!r}")
        if known is not None and hashlib.sha256(data).hexdigest() == known:
            return Unchanged()
        return _Job(data, self._submit(data))

    def _submit(self, data: bytes) -> Future[CleanedPhoto | PhotoProblem]:
        with self._lock:
            if self._workers is None:
                self._workers = _start(self._processes)
            try:
                return self._workers.submit(self._work, data)
            except BrokenProcessPool:
                self._workers = _start(self._processes)
                return self._workers.submit(self._work, data)

    def _finish(self, job: _Job | Outcome) -> Outcome:
        if not isinstance(job, _Job):
            return job
        try:
            return job.result.result()
        except BrokenProcessPool:
            return self._clean_alone(job.data)

    def _clean_alone(self, data: bytes) -> CleanedPhoto | PhotoProblem:
        """Of the photos that were with the processes when one died, any may have killed it: each
        is tried again with no other beside it."""
        if self._suspects is None or not _is_alive(self._suspects):
            self._suspects = _start(1)
            if not _is_alive(self._suspects):
                raise NotReady(
                    "processes for photos die as they start: there is too little memory, or the "
                    "script that uses marketrank works outside of `if __name__ == '__main__':`"
                )
        try:
            return self._suspects.submit(self._work, data).result()
        except BrokenProcessPool:
            return PhotoProblem(
                Reason.PHOTO_UNREADABLE,
                f"the process that decoded it died or took more than {self._seconds:g} seconds, "
                "twice; send another version of it",
            )


def _start(processes: int) -> ProcessPoolExecutor:
    # Spawned, not forked: the parent has threads of Postgres and ONNX Runtime.
    return ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare_process,
    )


def _is_alive(executor: ProcessPoolExecutor) -> bool:
    try:
        executor.submit(os.getpid).result()
    except BrokenProcessPool:
        return False
    return True


def _prepare_process() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    warnings.simplefilter("ignore")  # Pillow's, of corrupt EXIF: the outcome says what counts
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import_module("scipy.fftpack")  # imagehash does so at its first hash, on that photo's time


def _end_with_parent() -> None:
    """After a kill -9 of the parent its processes would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(
    clean: Callable[[bytes], CleanedPhoto | PhotoProblem], seconds: float, data: bytes
) -> CleanedPhoto | PhotoProblem:
    # The alarm's default action ends the process, also inside a decoder's C code.
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return clean(data)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
