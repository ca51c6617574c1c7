"""What the steps of a retraining have made so far, as a file that goes from one process to the
next."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import orjson

from marketrank.durable import write
from marketrank.errors import BadInput
from marketrank.pipelines.retrain_plan import Done


@dataclass(frozen=True, slots=True)
class Made:
    """When the first step began, and what was done since."""

    begun: datetime
    done: Sequence[Done]


def write_made(path: Path, made: Made) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, orjson.dumps(asdict(made)))


def read_made(path: Path) -> Made:
    """Raises BadInput for a file that `write_made` has not written."""
    try:
        raw = orjson.loads(path.read_bytes())
        done = tuple(Done(**one) for one in raw["done"])
        return Made(datetime.fromisoformat(raw["begun"]), done)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"{path} cannot be read ({error!r}); give a file of `marketrank pipeline step`"
        ) from error
