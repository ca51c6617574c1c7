"""Any sequence of calls on every ListingStore does what a dictionary with a counter would."""

import dataclasses
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, text

from marketrank.ports import ListingStore
from marketrank.storage import database
from marketrank.types import Applied, Finding, Listing, ListingId, ListingKey, Seq, Signal, Stored
from small_listings import IMPLEMENTATIONS, T0, ids, listing, photo

names = st.sampled_from(ids(*"abcdef"))
batches = st.dictionaries(names, st.integers(0, 2), max_size=5)


@dataclasses.dataclass
class Held:
    """What the model knows of one listing."""

    listing: Listing
    key: int
    seq: int
    live: bool
    signals: frozenset[Signal] = frozenset()


class Against(RuleBasedStateMachine):
    """A store does what a dictionary with a counter would."""

    store: ListingStore

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[ListingId, Held] = {}
        self.seq = 0
        self.followed: dict[ListingId, Stored] = {}
        self.cursor = Seq(0)

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    @rule(batch=batches)
    def apply(self, batch: dict[ListingId, int]) -> None:
        wanted = [
            listing(id_, f"title {n}", photos=tuple(photo(id_, i) for i in range(n)))
            for id_, n in batch.items()
        ]
        inserted = updated = 0
        for each in wanted:
            old = self.held.get(each.id)
            if old is None:
                self.held[each.id] = Held(each, len(self.held) + 1, self._next(), True)
                inserted += 1
            elif (old.listing, old.live) != (each, True):
                self.held[each.id] = Held(each, old.key, self._next(), True, old.signals)
                updated += 1
        assert self.store.apply(wanted, at=T0) == Applied(
            inserted, updated, len(wanted) - inserted - updated
        )

    @rule(chosen=st.sets(names))
    def end(self, chosen: set[ListingId]) -> None:
        live = [held for id_, held in self.held.items() if id_ in chosen and held.live]
        for held in sorted(live, key=lambda held: held.key):
            held.live, held.seq = False, self._next()
        assert self.store.end(chosen, at=T0) == len(live)

    @rule(data=st.data())
    def set_findings(self, data: st.DataObject) -> None:
        if not self.held:
            return
        some = st.sampled_from(sorted(self.held))
        signals = data.draw(st.dictionaries(some, st.sets(st.sampled_from(Signal)), max_size=3))
        changed = 0
        for id_, held in sorted(self.held.items(), key=lambda pair: pair[1].key):
            wanted = frozenset(signals.get(id_, ()))
            if held.signals != wanted:
                held.signals, held.seq = wanted, self._next()
                changed += 1
        findings = {
            id_: [Finding(signal, signal.upper()) for signal in chosen]
            for id_, chosen in signals.items()
        }
        assert self.store.set_findings(findings) == changed

    @rule(limit=st.integers(1, 3))
    def follow(self, limit: int) -> None:
        for change in self.store.changes(self.cursor, limit):
            assert change.seq > self.cursor
            self.followed[change.listing.id] = change
            self.cursor = change.seq

    @invariant()
    def same(self) -> None:
        assert self.store.last_seq() == self.seq
        assert self.store.live_ids() == {id_ for id_, held in self.held.items() if held.live}
        found = self.store.get(list(self.held))
        for id_, held in self.held.items():
            stored = found[id_]
            assert stored == Stored(
                held.listing, ListingKey(held.key), Seq(held.seq), held.live, T0, stored.findings
            )
            assert frozenset(stored.signals) == held.signals

    def teardown(self) -> None:
        while self.cursor < self.seq:
            self.follow(3)
        assert self.followed == self.store.get(list(self.held))


@pytest.fixture
def empty_again(module_database_url: str) -> Iterator[tuple[Engine, Sequence[str]]]:
    engine = database.connect(module_database_url)
    yield (
        engine,
        (
            "TRUNCATE listings, photos, duplicates, vectors, estimates",
            "UPDATE counters SET value = 0",
        ),
    )
    engine.dispose()


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_against_a_model(name: str, empty_again: tuple[Engine, Sequence[str]]) -> None:
    engine, statements = empty_again

    class Machine(Against):
        def __init__(self) -> None:
            super().__init__()
            with engine.begin() as connection:
                for statement in statements:
                    connection.execute(text(statement))
            self.store = IMPLEMENTATIONS[name](engine)

    run_state_machine_as_test(
        Machine, settings=settings(max_examples=20, stateful_step_count=12, deadline=None)
    )
