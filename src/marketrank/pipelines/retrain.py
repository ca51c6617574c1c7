"""From a feed to a model in use, or to the reasons why it is not: all steps, one after another."""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from marketrank.errors import MarketrankError
from marketrank.pipelines.retrain_files import Made
from marketrank.pipelines.retrain_history import describe_cut_off
from marketrank.pipelines.retrain_mark import Mark, clear_mark, only_one, read_mark, write_mark
from marketrank.pipelines.retrain_plan import NOTIFY, PLAN, Done, run_step, step_of
from marketrank.pipelines.retrain_report import Report, describe, notify
from marketrank.pipelines.retrain_steps import Options, Workshop

_log = logging.getLogger(__name__)


def retrain(
    shop: Workshop,
    options: Options,
    *,
    clock: Callable[[], datetime],
    webhook: str = "",
) -> tuple[Report, Path]:
    """Returns the report and its file. A step that is done for the same inputs is not done again,
    so that a retraining that was killed goes on; that it was is reported first.

    Raises NotReady where another is running in this home, and what a step raises: that is reported
    before, whatever it is.
    """
    done: list[Done] = []
    with only_one(shop.folder):
        _report_cut_off(shop, clock(), webhook)
        try:
            for number, step in enumerate(PLAN):
                shop.progress("retrain", number, len(PLAN) + 1)
                _mark(shop, options, shop.at, step.name)
                made = {one.name: one.output for one in done}
                done.append(run_step(step, shop, options, made))
            _mark(shop, options, shop.at, NOTIFY)
        except Exception as error:
            failed = (PLAN[min(len(done), len(PLAN) - 1)].name, error)
            made_by_then = Made(shop.at, done)
            _report_failure(shop, options, made_by_then, failed, until=clock(), webhook=webhook)
            raise
        report = describe(options, done, at=shop.at, until=clock())
        path = notify(shop.home, report, webhook=webhook)
        clear_mark(shop.folder)
        shop.progress("retrain", len(PLAN) + 1, len(PLAN) + 1)
    return report, path


def do_step(
    name: str,
    shop: Workshop,
    options: Options,
    before: Made | None,
    *,
    clock: Callable[[], datetime],
    webhook: str = "",
) -> Made:
    """One step after what earlier ones have made: for processes that do one each. Raises BadInput
    for an unknown step, and what the step raises: that is reported before."""
    before = before or Made(shop.at, ())
    if name == NOTIFY:
        report = describe(options, before.done, at=before.begun, until=shop.at)
        path = notify(shop.home, report, webhook=webhook)
        done = Done(NOTIFY, {"report": str(path.relative_to(shop.home))}, 0.0, False)
        return Made(before.begun, (*before.done, done))
    step = step_of(name)
    given = {one.name: one.output for one in before.done}
    with only_one(shop.folder):
        _report_cut_off(shop, clock(), webhook)
        try:
            _mark(shop, options, before.begun, name)
            done = run_step(step, shop, options, given)
        except Exception as error:
            failed = (name, error)
            _report_failure(shop, options, before, failed, until=clock(), webhook=webhook)
            raise
        clear_mark(shop.folder)
    return Made(before.begun, (*before.done, done))


def _mark(shop: Workshop, options: Options, begun: datetime, step: str) -> None:
    write_mark(shop.folder, Mark(begun, step, options.why, options.recipe, options.seed))


def _report_cut_off(shop: Workshop, now: datetime, webhook: str) -> None:
    """The one before this, where it has left a mark and no report."""
    mark = read_mark(shop.folder)
    if mark is not None:
        report = describe_cut_off(mark, until=now, current=shop.registry.current())
        notify(shop.home, report, webhook=webhook)
        clear_mark(shop.folder)


def _report_failure(
    shop: Workshop,
    options: Options,
    made: Made,
    failed: tuple[str, Exception],
    *,
    until: datetime,
    webhook: str,
) -> None:
    """Where even the report cannot be written the mark stays, which tells as much."""
    step, error = failed
    said = str(error) if isinstance(error, MarketrankError) else f"{type(error).__name__}: {error}"
    report = describe(
        options,
        made.done,
        at=made.begun,
        until=until,
        error=(step, said),
        current=shop.registry.current(),
    )
    try:
        notify(shop.home, report, webhook=webhook)
    except MarketrankError as problem:
        _log.warning("%s", problem)
    else:
        clear_mark(shop.folder)
