"""Words for the same thing: files, compounds, and how a query is read."""

from pathlib import Path

import pytest

from marketrank.errors import BadSettings
from marketrank.retrieval.synonyms import (
    OWN_FILE,
    Concept,
    Synonyms,
    Thesaurus,
    compounds,
    read_synonyms,
)
from marketrank.retrieval.vocabulary_build import build
from small_corpus import corpus


def stems(text: str) -> list[str]:
    return [word.rstrip("s") for word in text.split()]


def test_our_own_file_is_right() -> None:
    groups = read_synonyms(OWN_FILE).groups
    assert (("sofa",), ("settee",), ("couch",)) in groups
    assert len(groups) > 60
    assert len(set(groups)) == len(groups)


def test_an_operators_file_adds_to_ours(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("# ours\n\nSofa, Chaise Longue  # both\n", encoding="utf-8")
    both = read_synonyms(OWN_FILE, file).groups
    assert both[:-1] == read_synonyms(OWN_FILE).groups
    assert both[-1] == (("sofa",), ("chaise", "longue"))


@pytest.mark.parametrize(
    "line", ["sofa", "sofa,", "sofa, Sofa", ", ,", "a, one two three four five"]
)
def test_a_line_that_is_no_group_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "mine.txt"
    file.write_text(f"tv, telly\n{line}\n", encoding="utf-8")
    with pytest.raises(BadSettings, match=r"mine\.txt, line 2"):
        read_synonyms(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"mine\.txt"):
        read_synonyms(tmp_path / "mine.txt")


def test_compounds_are_groups() -> None:
    assert ((("armchair",), ("arm", "chair"))) in compounds(build(corpus()))


def test_a_query_in_concepts() -> None:
    groups = ((("sofa",), ("couch",), ("settee",)), (("hoover",), ("vacuum", "cleaner")))
    thesaurus = Thesaurus(Synonyms(groups), stems)
    assert thesaurus.concepts(stems("red sofas")) == [
        Concept(("red",), ()),
        Concept(("sofa",), (("couch",), ("settee",))),
    ]
    assert thesaurus.concepts(stems("vacuum cleaners")) == [
        Concept(("vacuum", "cleaner"), (("hoover",),))
    ]
    assert thesaurus.concepts(stems("vacuum")) == [Concept(("vacuum",), ())]


def test_what_is_said_anyway_is_no_alternative() -> None:
    groups = ((("sofa",), ("couch",), ("settee",)),)
    said = Thesaurus(Synonyms(groups), stems).concepts(["sofa", "couch", "sofa"])
    assert said == [Concept(("sofa",), (("settee",),)), Concept(("couch",), (("settee",),))]


def test_groups_that_share_a_word_are_not_merged() -> None:
    groups = ((("tap",), ("faucet",)), (("tap",), ("spigot",)))
    thesaurus = Thesaurus(Synonyms(groups), stems)
    assert thesaurus.concepts(["tap"]) == [Concept(("tap",), (("faucet",), ("spigot",)))]
    assert thesaurus.concepts(["faucet"]) == [Concept(("faucet",), (("tap",),))]
    assert thesaurus.knows("faucet") and not thesaurus.knows("sofa")
