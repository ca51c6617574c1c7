"""An interaction set (docs/recommend.md) from "atomic files", the format in which RecBole publishes
some forty sets (Zhao et al., CIKM 2021): tables with tabs whose head says `name:type`.

    pip download --no-deps recbole==1.2.1 && unzip recbole-1.2.1-*.whl 'recbole/dataset_example/*'
    python benchmarks/interactions.py recbole/dataset_example/ml-100k ml-100k \\
        --title movie_title --category class
    marketrank evaluate recommend ml-100k
"""

import argparse
import csv
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

Row = dict[str, str]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read, take what is asked for, write and say how much it was."""
    options = _options(arguments)
    atomic = options.folder / options.folder.name
    rating = [] if options.at_least is None else ["rating"]
    events = table(Path(f"{atomic}.inter"), "user_id", "item_id", "timestamp", *rating)
    shown = [name for name in (options.title, options.category) if name]
    items = table(Path(f"{atomic}.item"), "item_id", *shown)
    people = Path(f"{atomic}.user")
    buyers = table(people, "user_id") if people.exists() else []
    if options.at_least is not None:
        events = [one for one in events if float(one["rating"]) >= options.at_least]
    events = part(events, options)
    ids = [one["item_id"] for one in items]
    random.Random(options.seed).shuffle(ids)
    new = {one: f"{n:08d}" if options.new_ids else one for n, one in enumerate(ids)}
    options.out.mkdir(parents=True, exist_ok=True)
    kept = {one["user_id"] for one in events}
    attributes = [column for column in (buyers[0] if buyers else {}) if column != "user_id"]
    write(
        options.out / "buyers.csv",
        ["buyer_id", *attributes],
        (
            [one["user_id"], *(one[column] for column in attributes)]
            for one in buyers
            if one["user_id"] in kept
        ),
    )
    write(
        options.out / "listings.csv",
        ["listing_id", "title", "category"],
        (
            [
                new[one["item_id"]],
                one.get(options.title, ""),
                "|".join(one.get(options.category, "").split()),  # kinds, by spaces and by bars
            ]
            for one in items
        ),
    )
    write(
        options.out / "events.csv",
        ["buyer_id", "listing_id", "at", "kind"],
        (
            [one["user_id"], new.get(one["item_id"], one["item_id"]), one["timestamp"], "view"]
            for one in events
        ),
    )
    print(f"{options.out}: {len(kept)} buyers, {len(items)} listings, {len(events)} events")


def part(events: list[Row], options: argparse.Namespace) -> list[Row]:
    """So many buyers by chance, a run of each one's events, or each event by chance."""
    chance = random.Random(options.seed)
    by_buyer: dict[str, list[Row]] = {}
    for one in sorted(events, key=lambda one: (float(one["timestamp"]), one["item_id"])):
        by_buyer.setdefault(one["user_id"], []).append(one)
    names = sorted(by_buyer)
    if options.buyers is not None:
        names = sorted(chance.sample(names, min(options.buyers, len(names))))
    found: list[Row] = []
    for name in names:
        some = by_buyer[name]
        if options.run is not None:
            length = min(len(some), 2 + int(chance.expovariate(1 / options.run)))
            first = chance.randrange(len(some) - length + 1)
            some = some[first : first + length]
        found += [one for one in some if options.thin is None or chance.random() < options.thin]
    return found


def table(path: Path, *needed: str) -> list[Row]:
    """Rows by the column's name without its type."""
    if not path.exists():
        raise SystemExit(f"there is no {path}; a folder NAME holds NAME.inter and NAME.item")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        names = [name.split(":")[0] for name in next(reader, [])]
        for name in needed:
            if name not in names:
                raise SystemExit(f"{path} has no column {name!r}; it has {', '.join(names)}")
        return [dict(zip(names, row, strict=True)) for row in reader]


def write(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="holds NAME.inter, NAME.item and NAME.user")
    parser.add_argument("out", type=Path)
    parser.add_argument("--title", help="the column of NAME.item that holds it")
    parser.add_argument("--category", help="likewise; kinds are parted by spaces")
    parser.add_argument("--at-least", type=float, help="only ratings from here on")
    parser.add_argument("--buyers", type=int, help="only so many, by chance")
    parser.add_argument(
        "--run", type=float, help="a run of 2 + so many (mean) events of each buyer"
    )
    parser.add_argument("--thin", type=float, help="keep each event with this probability")
    parser.add_argument("--new-ids", action="store_true", help="deal listings' ids anew")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
