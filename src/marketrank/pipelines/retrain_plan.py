"""The steps in order, what each needs, and when one need not be done again.

<home>/retrain/<step>.json   {"inputs", "output", "seconds"} of the last time
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from marketrank.durable import write
from marketrank.errors import BadInput
from marketrank.pipelines import retrain_steps as steps
from marketrank.pipelines.golden_queries import file_digest
from marketrank.pipelines.retrain_steps import Options, Workshop
from marketrank.pipelines.runs import folder_of
from marketrank.ranking import session_model

Made = Mapping[str, Any]
"""What a step has made, as JSON has it."""
Given = Mapping[str, Made]
"""The same of all steps before, by name."""
NOTIFY = "notify"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """`call` gets what the steps of `needs` have made. With `key`, what besides that decides what
    comes out, it is not done again for equal ones as long as what it made is `there`."""

    name: str
    needs: tuple[str, ...]
    call: Callable[[Workshop, Options, Given], Any]
    key: Callable[[Workshop, Options], Any] | None = None
    there: Callable[[Workshop, Made], bool] = lambda shop, made: True


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was done, or that was `reused` as its inputs were the same the last time."""

    name: str
    output: Made
    seconds: float
    reused: bool


def _refresh(shop: Workshop, options: Options, _: Given) -> steps.Refreshed:
    return steps.refresh(shop, options)


def _clean(shop: Workshop, _: Options, given: Given) -> steps.Cleaned:
    return steps.clean(shop, steps.Refreshed(**given["refresh"]))


def _split(shop: Workshop, options: Options, given: Given) -> steps.Divided:
    return steps.split(shop, options, steps.Cleaned(**given["clean"]))


def _train(shop: Workshop, options: Options, given: Given) -> steps.Trained:
    return steps.train(shop, options, steps.Divided(**given["split"]))


def _export(shop: Workshop, _: Options, given: Given) -> steps.Exported:
    return steps.export(shop, steps.Divided(**given["split"]), steps.Trained(**given["train"]))


def _evaluate(shop: Workshop, _: Options, given: Given) -> steps.Evaluated:
    return steps.evaluate(shop, steps.Divided(**given["split"]), steps.Exported(**given["export"]))


def _gate(shop: Workshop, _: Options, given: Given) -> steps.Judged:
    return steps.gate(shop, steps.Evaluated(**given["evaluate"]))


def _audit(shop: Workshop, options: Options, given: Given) -> steps.Audited:
    return steps.audit(shop, options, steps.Judged(**given["gate"]))


def _publish(shop: Workshop, options: Options, given: Given) -> steps.Outcome:
    judged, audited = steps.Judged(**given["gate"]), steps.Audited(**given["audit"])
    return steps.publish(shop, options, judged, audited)


def _runs_are_there(shop: Workshop, made: Made) -> bool:
    return all(folder_of(shop.home, name).is_dir() for name in made["runs"].values())


def _version_is_there(shop: Workshop, made: Made) -> bool:
    version: str = made["version"]
    return (shop.registry.folder / version).is_dir()


def _compared_by(shop: Workshop, _: Options) -> Any:
    return [shop.registry.current(), file_digest(shop.home), shop.currency]


def _ranker_from(shop: Workshop, options: Options) -> Any:
    work = shop.ranker
    champion = session_model.current(work.folder)
    used = None if champion is None else champion.version
    return [options.seed, work.events.last_seq(), work.days, used, asdict(work.limits)]


def _ranker_is_there(shop: Workshop, made: Made) -> bool:
    name: str | None = made["ranker"]
    return name is None or (shop.ranker.folder / name).is_dir()


PLAN = (
    Step("refresh", (), _refresh),
    Step("clean", ("refresh",), _clean),
    Step("split", ("clean",), _split, lambda _, options: options.seed),
    Step(
        "train",
        ("split",),
        _train,
        lambda shop, options: [options.recipe, shop.currency],
        _runs_are_there,
    ),
    Step("export", ("split", "train"), _export, lambda *_: None, _version_is_there),
    Step("evaluate", ("split", "export"), _evaluate, _compared_by),
    Step("gate", ("evaluate",), _gate),
    Step("audit", ("gate",), _audit, _ranker_from, _ranker_is_there),
    Step("publish", ("gate", "audit"), _publish),
)
"""`notify` comes after these: see `pipelines.retrain_report`."""
NAMES = (*(one.name for one in PLAN), NOTIFY)


def step_of(name: str) -> Step:
    """Raises BadInput, listing the known ones, for an unknown step."""
    for one in PLAN:
        if one.name == name:
            return one
    raise BadInput(f"unknown step {name!r}; known are {', '.join(NAMES)}")


def run_step(step: Step, shop: Workshop, options: Options, given: Given) -> Done:
    """Do a step, or take what it made of the same inputs the last time. Raises BadInput where what
    it needs was not given, and what the step raises."""
    missing = [name for name in step.needs if name not in given]
    if missing:
        raise BadInput(f"step {step.name} needs what {', '.join(missing)} made; do that first")
    inputs = _digest(step, shop, options, given)
    known = _last(shop, step.name) if step.key else None
    if known is not None and known["inputs"] == inputs and step.there(shop, known["output"]):
        return Done(step.name, known["output"], known["seconds"], True)
    start = shop.stopwatch()
    made = step.call(shop, options, given)
    seconds = shop.stopwatch() - start
    output: Made = orjson.loads(orjson.dumps(made, option=orjson.OPT_SERIALIZE_NUMPY))
    seconds = round(seconds, 3)
    record = {"inputs": inputs, "output": output, "seconds": seconds}
    shop.folder.mkdir(parents=True, exist_ok=True)
    write(shop.folder / f"{step.name}.json", orjson.dumps(record, option=orjson.OPT_INDENT_2))
    return Done(step.name, output, seconds, False)


def _digest(step: Step, shop: Workshop, options: Options, given: Given) -> str:
    key = step.key(shop, options) if step.key else None
    content = {"step": step.name, "given": {name: given[name] for name in step.needs}, "key": key}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _last(shop: Workshop, name: str) -> dict[str, Any] | None:
    """The record of the last time; None where there is none, or a torn one."""
    path = shop.folder / f"{name}.json"
    try:
        found: dict[str, Any] = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        _log.warning("%s cannot be read (%s): %s is done again", path, error, name)
        return None
    return found if {"inputs", "output", "seconds"} <= found.keys() else None
