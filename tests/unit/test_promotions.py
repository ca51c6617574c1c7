"""What a rollback may go back to, for any history."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from marketrank.models.promotions import Promotion, earlier
from marketrank.types import ModelVersion

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)
A, B, C = (ModelVersion(name) for name in "abc")


def line(
    version: ModelVersion, previous: ModelVersion | None, *, rollback: bool = False
) -> Promotion:
    return Promotion(version, previous, AT, "", rollback=rollback)


def test_before_the_first_promotion_there_is_nothing() -> None:
    assert earlier([], None) == []
    assert earlier([line(A, None)], A) == []


def test_a_rollback_is_not_undone_by_the_next() -> None:
    promoted = [line(A, None), line(B, A), line(C, B)]
    assert earlier(promoted, C) == [B, A]
    assert earlier([*promoted, line(B, C, rollback=True)], B) == [A]
    # A promotion of the same version is: it was current after C.
    assert earlier([*promoted, line(B, C)], B) == [C, A]


def test_a_rollback_past_a_damaged_version_leaves_that_behind_too() -> None:
    promoted = [line(A, None), line(B, A), line(C, B), line(A, C, rollback=True)]
    assert earlier(promoted, A) == []


def test_a_line_whose_writer_was_killed_does_not_count() -> None:
    assert earlier([line(A, None), line(B, A)], A) == []
    assert earlier([line(A, None), line(B, A), line(C, A)], C) == [A]
    assert earlier([line(A, None)], None) == []


def test_a_version_set_by_hand_is_gone_back_from_and_to() -> None:
    assert earlier([line(A, None)], B) == [A]
    assert earlier([line(A, None), line(C, B)], C) == [B, A]
    assert earlier([line(B, A)], B) == [A]


STEPS = st.lists(
    st.tuples(st.sampled_from(["promote", "rollback", "killed"]), st.sampled_from("abcd")),
    max_size=30,
)


@given(steps=STEPS)
def test_the_log_remembers_what_a_stack_would(steps: list[tuple[str, str]]) -> None:
    log: list[Promotion] = []
    stack: list[ModelVersion] = []
    for step, name in steps:
        version, present = ModelVersion(name), stack[-1] if stack else None
        left = [one for one in reversed(stack) if one != present]
        assert earlier(log, present) == left
        if step == "rollback" and left:
            whole = version if version in left else left[0]  # those between are damaged
            while stack[-1] != whole:
                stack.pop()
            log.append(line(whole, present, rollback=True))
        elif step == "promote" and version != present:
            stack.append(version)
            log.append(line(version, present))
        elif step == "killed" and version != present:
            log.append(line(version, present))
