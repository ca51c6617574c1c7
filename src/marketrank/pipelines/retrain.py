"""From a feed to a model in use, or to the reasons why it is not: all steps, one after another."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from marketrank.errors import MarketrankError, NotReady
from marketrank.pipelines.retrain_files import Made
from marketrank.pipelines.retrain_plan import NOTIFY, PLAN, Done, run_step, step_of
from marketrank.pipelines.retrain_report import Report, describe, notify
from marketrank.pipelines.retrain_steps import Options, Workshop

_LOCK = ".lock"


def retrain(
    shop: Workshop,
    options: Options,
    *,
    clock: Callable[[], datetime],
    webhook: str = "",
) -> tuple[Report, Path]:
    """Returns the report and its file. A step that is done for the same inputs is not done again,
    so that a retraining that was killed goes on.

    Raises NotReady where another is running in this home, and what a step raises: that is reported
    before.
    """
    done: list[Done] = []
    with only_one(shop.folder):
        try:
            for number, step in enumerate(PLAN):
                shop.progress("retrain", number, len(PLAN) + 1)
                made = {one.name: one.output for one in done}
                done.append(run_step(step, shop, options, made))
        except MarketrankError as error:
            failed = (PLAN[len(done)].name, str(error))
            report = describe(options, done, at=shop.at, until=clock(), error=failed)
            notify(shop.home, report, webhook=webhook)
            raise
        report = describe(options, done, at=shop.at, until=clock())
        path = notify(shop.home, report, webhook=webhook)
        shop.progress("retrain", len(PLAN) + 1, len(PLAN) + 1)
    return report, path


def do_step(
    name: str,
    shop: Workshop,
    options: Options,
    before: Made | None,
    *,
    webhook: str = "",
) -> Made:
    """One step after what earlier ones have made: for processes that do one each. Raises BadInput
    for an unknown step, and what the step raises."""
    before = before or Made(shop.at, ())
    if name == NOTIFY:
        report = describe(options, before.done, at=before.begun, until=shop.at)
        path = notify(shop.home, report, webhook=webhook)
        done = Done(NOTIFY, {"report": str(path.relative_to(shop.home))}, 0.0, False)
    else:
        given = {one.name: one.output for one in before.done}
        with only_one(shop.folder):
            done = run_step(step_of(name), shop, options, given)
    return Made(before.begun, (*before.done, done))


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold a home's retraining until the block ends. Raises NotReady where somebody else does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NotReady(
                f"{folder} is being worked in by another retraining; wait until it has ended"
            ) from error
        yield
