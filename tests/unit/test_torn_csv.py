"""Torn and ordinary CSV: what was written is read back, and rot does not spread."""

import csv
import io
import time
import uuid
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.errors import BadInput
from marketrank.listings import torn_csv
from marketrank.listings.torn_csv import Row
from marketrank.types import Reason, Rejected

COLUMNS = ("", "id", "title", "description", "location")


def name(number: int) -> str:
    return str(uuid.UUID(int=number * 0x1234_5678_9ABC_DEF0_1357_9BDF_0246_8ACE % (1 << 128)))


def write(
    records: Sequence[Sequence[str]],
    *,
    columns: Sequence[str] = COLUMNS,
    delimiter: str = ",",
    torn: bool = True,
) -> str:
    """CSV with "\\n" lines; `torn` leaves fields with newlines alone unquoted, as pandas does where
    the newline is not its own."""
    special = ('"', delimiter) if torn else ('"', delimiter, "\n", "\r")
    return "\n".join(
        delimiter.join(
            '"' + field.replace('"', '""') + '"' if any(c in field for c in special) else field
            for field in record
        )
        for record in (columns, *records)
    )


def read(text: str | bytes, **options: str) -> list[Row | Rejected]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(torn_csv.read(data, id_names=("id", "listing_id"), **options).rows)


def fields(rows: Sequence[Row | Rejected]) -> list[tuple[str, ...]]:
    assert all(isinstance(row, Row) for row in rows), rows
    return [row.fields for row in rows if isinstance(row, Row)]


def test_bare_newlines_of_every_kind_stay_in_their_field() -> None:
    text = (
        ",id,title,description,location\r\n"
        f'1,{name(1)},Lamp,one\rtwo\nthree\r\nfour,"Bath, Somerset"\r\n'
        f"2,{name(2)},Chair,,Leeds\r\n"
    )
    assert fields(read(text)) == [
        ("1", name(1), "Lamp", "one\ntwo\nthree\nfour", "Bath, Somerset"),
        ("2", name(2), "Chair", "", "Leeds"),
    ]


def test_ordinary_csv_with_quoted_newlines_reads_as_the_csv_module_does() -> None:
    records = [
        [str(n), name(n), f'A "{n}"', "line, one\nline two\n\nfour", "York"] for n in range(30)
    ]
    text = write(records, torn=False)
    assert fields(read(text)) == [tuple(row) for row in list(csv.reader(io.StringIO(text)))[1:]]


def test_all_fields_quoted() -> None:
    out = io.StringIO()
    records = [[str(n), name(n), "Lamp", "a\nb", "York"] for n in range(3)]
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([COLUMNS, *records])
    assert fields(read(out.getvalue())) == [tuple(record) for record in records]


LINE = st.text(
    alphabet=st.one_of(
        st.sampled_from('ab ,";\t|é£🙂0'),
        st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")),
    ),
    max_size=12,
)
TEXT = st.lists(LINE, min_size=1, max_size=4)
RECORDS = st.lists(st.tuples(LINE, TEXT, TEXT), min_size=1, max_size=12)


def mix(text: str, breaks: Sequence[str]) -> str:
    """The text with these newlines in turn; never a CR before a LF that is another newline."""
    mixed = ""
    for at, line in enumerate(text.split("\n")):
        following = breaks[at % len(breaks)] if at else ""
        mixed += ("\r\n" if mixed.endswith("\r") and following == "\n" else following) + line
    return mixed


@given(
    records=RECORDS,
    breaks=st.lists(st.sampled_from(["\n", "\r", "\r\n"]), min_size=1, max_size=5),
    delimiter=st.sampled_from([",", "\t"]),
    torn=st.booleans(),
    counter=st.booleans(),
)
def test_what_was_torn_is_read_back(
    records: list[tuple[str, list[str], list[str]]],
    breaks: list[str],
    delimiter: str,
    torn: bool,
    counter: bool,
) -> None:
    """Any text, torn or quoted, with any mix of newlines, comes back with "\\n" for each."""
    columns = COLUMNS if counter else COLUMNS[1:]
    written = [
        [str(n), name(n), title, "\n".join(description), "\n".join(place)][not counter :]
        for n, (title, description, place) in enumerate(records)
    ]
    text = write(written, columns=columns, delimiter=delimiter, torn=torn)
    rows = fields(read(mix(text, breaks), delimiter=delimiter))
    # What ends an unquoted last field is not told from the end of the record.
    assert [(*row[:-1], row[-1].rstrip("\n")) for row in rows] == [
        (*record[:-1], record[-1].rstrip("\n")) for record in written
    ]


def corrupt(record: str, kind: str, where: int) -> str:
    """A record spoilt behind its id."""
    head, rest = record[: len(name(0)) + 3], record[len(name(0)) + 3 :]
    at = where % (len(rest) + 1)
    return (
        head
        + {
            "quote": rest[:at] + ',"' + rest[at:],
            "cut": rest[:at],
            "comma": rest[:at] + ",,,,,," + rest[at:],
            "stray": rest + ',"x"y',
        }[kind]
    )


@given(
    records=st.lists(st.tuples(LINE, TEXT, LINE), min_size=3, max_size=8),
    kind=st.sampled_from(["quote", "cut", "comma", "stray"]),
    where=st.integers(0, 200),
    torn=st.booleans(),
)
def test_a_rotten_record_takes_no_other_with_it(
    records: list[tuple[str, list[str], str]], kind: str, where: int, torn: bool
) -> None:
    written = [
        [str(n), name(n), title, "\n".join(description), f"{place}x"]
        for n, (title, description, place) in enumerate(records)
    ]
    middle = len(written) // 2
    parts = [write([record], torn=torn).partition("\n")[2] for record in written]
    parts[middle] = corrupt(parts[middle], kind, where)
    rows = read("\n".join([",".join(COLUMNS), *parts]))
    good = [row.fields for row in rows if isinstance(row, Row) and row.fields[1] != name(middle)]
    assert good == [tuple(r) for n, r in enumerate(written) if n != middle]
    spoilt = [row for row in rows if isinstance(row, Rejected) or row.fields[1] == name(middle)]
    assert spoilt, "the rotten record is neither a row nor rejected"


def test_an_unclosed_quote_is_rejected_with_its_text_and_id() -> None:
    text = write([[str(n), name(n), "Lamp", "good", "York"] for n in range(4)])
    text = text.replace(f"{name(1)},Lamp,good", f'{name(1)},"Lamp,call 07700 900123')
    one, two, three, four = read(text, source="feed.csv")
    assert isinstance(two, Rejected)
    assert (two.kind, two.key, two.reason, two.source) == (
        "listing",
        name(1),
        Reason.TORN_RECORD,
        "feed.csv",
    )
    assert "line 3" in two.detail
    assert "Lamp" in two.raw
    assert "900123" not in two.raw
    assert [row.fields[1] for row in (one, three, four) if isinstance(row, Row)] == [
        name(0),
        name(2),
        name(3),
    ]
    assert [row.number for row in (one, three, four) if isinstance(row, Row)] == [1, 3, 4]


def test_a_foreign_line_behind_a_record_is_rejected_alone() -> None:
    records = [[str(n), name(n), "Lamp", "good", "York, UK"] for n in range(3)]
    lines = write(records).split("\n")
    lines.insert(2, "--- page 2 ---")
    rows = read("\n".join(lines))
    assert [type(row) for row in rows] == [Row, Rejected, Row, Row]
    assert [row.key for row in rows if isinstance(row, Rejected)] == ["row 2"]


def test_a_record_without_an_id_does_not_spoil_the_one_before() -> None:
    records = [[str(n), name(n) if n != 2 else "", "Lamp", "a\nb", "York"] for n in range(5)]
    assert fields(read(write(records))) == [tuple(record) for record in records]


def test_ids_of_another_shape_are_records_too() -> None:
    records = [[name(n), "Lamp", "a\nb", "York"] for n in range(30)]
    records[12][0] = "legacy-12"
    assert fields(read(write(records, columns=COLUMNS[1:]))) == [tuple(r) for r in records]


@pytest.mark.parametrize(
    "form", ["{}", "A{:06}", "shop-{}", "{:024x}", "{:08x}-0000-4000-8000-000000000000"]
)
@pytest.mark.parametrize("text", ["warm\nand bright", "\n".join(["oak, solid"] * 100)])
def test_other_shapes_of_id_are_learned(form: str, text: str) -> None:
    """Even where no record fills one line, and lines of text that begin with a word and a comma
    are more than a record may be joined from."""
    records = [[form.format(n * 7919**5 % 2**31), "Lamp", text, "York"] for n in range(40)]
    assert fields(read(write(records, columns=COLUMNS[1:]))) == [tuple(r) for r in records]


def test_a_number_at_the_start_of_a_line_is_no_id_where_the_record_goes_on() -> None:
    records = [[str(n), "Table", f"seats\n{n + 4}", "£5"] for n in range(9)]
    columns = ("id", "title", "description", "price")
    assert fields(read(write(records, columns=columns))) == [tuple(r) for r in records]


def test_a_cut_record_with_a_numeric_id_is_rejected_alone() -> None:
    rows = read("id,title,price\n1,Lamp,5\n2,Chair\n3,Sofa,7\n")
    assert [type(row) for row in rows] == [Row, Rejected, Row]


def test_the_id_may_stand_behind_a_quoted_text() -> None:
    records = [["Lamp\nnew,\nbig", name(n), "a\nb", "York"] for n in range(5)]
    columns = ("title", "id", "description", "location")
    assert fields(read(write(records, columns=columns))) == [tuple(r) for r in records]


def test_a_line_in_quotes_that_looks_like_a_start_is_text() -> None:
    inner = f'See also:\n7,{name(7)},"Sofa"\nend'
    records = [["1", name(1), "Lamp", inner, "York"], ["2", name(2), "Chair", "", "Hull"]]
    assert fields(read(write(records))) == [tuple(record) for record in records]


def test_a_whole_record_in_quotes_at_the_end_of_another_is_text() -> None:
    inner = f"York\n7,{name(7)},Sofa,big,Hull"
    records = [["1", name(1), "Lamp", "good", inner], ["2", name(2), "Chair", "", "Hull"]]
    assert fields(read(write(records))) == [tuple(record) for record in records]


def test_an_unclosed_quote_does_not_find_its_end_in_a_good_record() -> None:
    records = [[str(n), name(n), "Lamp", "good", "York"] for n in range(3)]
    records[2][3] = ",or a chair"
    text = write(records).replace(f"{name(1)},Lamp", f'{name(1)},"Lamp')
    one, two, three = read(text)
    assert isinstance(two, Rejected)
    assert fields([one, three]) == [tuple(records[0]), tuple(records[2])]


@pytest.mark.parametrize("columns", [COLUMNS, COLUMNS[1:]])
def test_two_cut_records_do_not_make_a_whole_one(columns: tuple[str, ...]) -> None:
    records = [[str(n), name(n), "Lamp", "good", "York"][-len(columns) :] for n in range(5)]
    lines = write(records, columns=columns).split("\n")
    lines[2] = ",".join(records[1][:3])
    lines[3] = ",".join(records[2][: len(columns) - 2])
    assert [type(row) for row in read("\n".join(lines))] == [Row, Rejected, Rejected, Row, Row]


@pytest.mark.parametrize("missing", ["", "N/A", "nan"])
def test_a_record_without_an_id_is_not_swallowed_by_a_rotten_one(missing: str) -> None:
    records = [[str(n), name(n), "Lamp", "good", "York"] for n in range(4)]
    records[2][1] = missing
    text = write(records).replace(f"{name(1)},Lamp", f'{name(1)},"Lamp')
    one, two, three, four = read(text)
    assert isinstance(two, Rejected)
    assert fields([one, three, four]) == [tuple(records[n]) for n in (0, 2, 3)]


def test_the_delimiter_is_found_and_blank_lines_are_skipped() -> None:
    text = f"\n\nid;title;price\n\n{name(1)};Lamp;12,50\n\n{name(2)};Chair;8,00\n\n"
    assert fields(read(text)) == [(name(1), "Lamp", "12,50"), (name(2), "Chair", "8,00")]


@pytest.mark.parametrize(
    ("mark", "encoding"), [(b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le")]
)
def test_byte_order_marks(mark: bytes, encoding: str) -> None:
    data = mark + f"id,title\n{name(1)},Café\n".encode(encoding)
    table = torn_csv.read(data, id_names=("id",))
    assert table.columns == ("id", "title")
    assert fields(list(table.rows)) == [(name(1), "Café")]


def test_a_line_that_is_not_utf8_is_windows_1252_and_the_others_stay() -> None:
    data = f"id,title\n{name(1)},£5 Café ✓\n".encode() + f"{name(2)},£7 Café\n".encode("cp1252")
    assert fields(read(data)) == [(name(1), "£5 Café ✓"), (name(2), "£7 Café")]


@pytest.mark.parametrize("data", [b"", b"\n \r\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_said_to_be_empty(data: bytes) -> None:
    with pytest.raises(BadInput, match=r"feed\.csv is empty"):
        torn_csv.read(data, id_names=("id",), source="feed.csv")


def test_a_header_alone_has_no_rows() -> None:
    assert read("id,title\n") == []


def test_a_missing_id_column_names_what_was_found_and_expected() -> None:
    with pytest.raises(BadInput, match="found sku, title; expected one of id, listing_id"):
        read("sku,title\n1,Lamp\n")


def test_a_header_may_hold_a_quoted_newline() -> None:
    table = torn_csv.read(f'id,"the\ntitle"\n{name(1)},Lamp\n'.encode(), id_names=("id",))
    assert table.columns == ("id", "the\ntitle")
    assert fields(list(table.rows)) == [(name(1), "Lamp")]


@pytest.mark.parametrize("rot", ['"', "", ",,,,,,,", '"\n"\n"'])
def test_time_is_linear_even_where_all_is_rotten(rot: str) -> None:
    """Twice the rot takes about twice the time; a quadratic reader would take four times."""

    def seconds(n: int) -> float:
        data = write([[str(i), name(i), rot + "Lamp", "a\nb", "York"] for i in range(n)])
        data = data.replace('""', '"')
        start = time.process_time()
        assert len(read(data)) >= n
        return time.process_time() - start

    seconds(200)
    assert min(seconds(4_000) for _ in range(2)) < 3 * min(seconds(2_000) for _ in range(2)) + 0.1
