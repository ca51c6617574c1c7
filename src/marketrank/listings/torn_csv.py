"""CSV whose records may be torn over lines: newlines inside fields that nobody quoted.

An ordinary reader ends a record at every newline outside quotes, and so cuts such a record into
ruins. Here a record ends where the header's number of fields is full, all quotes are closed and
the next line looks like the start of a record. What a start looks like is learned from the file:
the shape of the id column (a UUID, a number, a prefix and a number) and the row counter before it.

The file is cut at the lines that look like starts. A piece that holds exactly one record is one;
a piece that ends inside a quote is joined with the next ones, unless they are good by themselves;
a piece that holds a record and more is cut behind the record. What remains is Rejected with its
raw text. Work is linear in the size of the file and memory bounded by the largest piece. ADR 0010
tells why, and what this cannot know.
"""

import re
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from marketrank.errors import BadInput
from marketrank.listings.contacts import mask_raw
from marketrank.listings.lines import read_lines
from marketrank.types import Reason, Rejected

_SAMPLE_LINES = 5_000  # lines from which the id's shape is learned
_JOIN_LIMIT = 64  # pieces that one record may span
_DELIMITERS = ",\t;|"
_COUNTER_NAMES = ("", "unnamed: 0", "index", "row", "#")
_MISSING_IDS = "N/A|NaN|nan|null|None"
_INK = re.compile(r"\S")


@dataclass(frozen=True, slots=True)
class Row:
    """One record. `number` counts records from 1, the rejected ones too; `line` is where it
    starts; newlines of any kind inside fields have become "\\n"."""

    number: int
    line: int
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table being read. `rows` can be consumed once; each Row has as many fields as columns."""

    columns: tuple[str, ...]
    rows: Iterator[Row | Rejected]


def read(
    data: bytes | Path | BinaryIO,
    *,
    id_names: Collection[str],
    delimiter: str | None = None,
    source: str = "",
    kind: str = "listing",
    country: str = "GB",
) -> Table:
    """Read a CSV or TSV. The header is read at once, the rows as they are asked for.

    `id_names` are the accepted names of the id column, the first present counts (compared in
    lower case). The delimiter is the one of comma, tab, semicolon and bar that the header has
    most of, unless given. A file without a byte order mark is UTF-8; lines that are not are
    read as Windows-1252, so that one foreign line does not spoil the others. `source`, `kind`
    and `country` go into what is Rejected (key: the id where it can be read, else "row N").

    Raises BadInput for an empty file and for a header without an id column.
    """
    lines = read_lines(data)
    header, skipped = _header(lines, source)
    delimiter = delimiter or max(_DELIMITERS, key=header.count)
    syntax = _Syntax(delimiter)
    parsed = syntax.parse(header, 0, None)
    columns = tuple(name.strip() for name in parsed.fields)
    id_column = _id_column(columns, id_names, source)
    sample = list(islice(lines, _SAMPLE_LINES))
    start = _learn_start(sample, columns, id_column, syntax)
    pieces = _pieces(chain(sample, lines), start, skipped + 1)
    records = _records(pieces, syntax, len(columns), joins_short=not start.strong)
    return Table(columns, _number(records, start, source, kind, country))


def _header(lines: Iterator[str], source: str) -> tuple[str, int]:
    """The header, which may hold quoted newlines, and the number of lines up to its end."""
    header = ""
    for number, line in enumerate(lines, start=1):
        header = f"{header}\n{line}" if header else line
        if header.strip() and header.count('"') % 2 == 0:
            return header, number
    raise BadInput(
        f"{source or 'the file'} is empty: expected a header with column names, then records"
    )


def _id_column(columns: Sequence[str], id_names: Collection[str], source: str) -> int:
    lowered = [name.lower() for name in columns]
    for name in id_names:
        if name in lowered:
            return lowered.index(name)
    raise BadInput(
        f"{source or 'the file'} has no id column: found {', '.join(columns)}; "
        f"expected one of {', '.join(id_names)}"
    )


# Fields.


class _Ends(Enum):
    WHOLE = "exactly the fields of one record"
    LONG = "a record, and more behind it"
    SHORT = "fewer fields than a record"
    MANY = "more fields than a record"
    OPEN = "inside a quoted field"
    BROKEN = "text behind a closing quote"


@dataclass(frozen=True, slots=True)
class _Parsed:
    """`end` is where the record ends, and for LONG what follows it begins. `plain` is False
    where an unquoted field holds a quote, which no writer of CSV produces."""

    ends: _Ends
    fields: tuple[str, ...] = ()
    end: int = 0
    plain: bool = True


class _Syntax:
    """How fields are written with one delimiter: RFC 4180, newlines being ordinary text."""

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        mark = re.escape(delimiter)
        self.bare = rf"(?!\")[^{mark}]*+"
        self.quoted = r'"(?:[^"]++|"")*+"'
        self._field = re.compile(rf"(?:({self.quoted})|({self.bare}))({mark}|\Z)")
        self._quoted = re.compile(self.quoted)

    def parse(self, text: str, position: int, n: int | None) -> _Parsed:
        """One record of n fields (None: as many as there are) from `position` on."""
        fields: list[str] = []
        plain = True
        while True:
            match = self._field.match(text, position)
            if match is None:
                return self._parse_broken(text, position, n, fields, plain)
            quoted, bare, mark = match.groups()
            last = len(fields) + 1 == n
            if last and mark:
                # The delimiter belongs to a later line, or there are too many fields.
                end = -1 if bare is None else _last_line(text, position, match.end())
                if end < 0:
                    return _Parsed(_Ends.MANY)
                fields.append(text[position:end].rstrip("\n"))
                plain = plain and '"' not in fields[-1]
                return _Parsed(_Ends.LONG, tuple(fields), end + 1, plain)
            if bare is None:
                fields.append(quoted[1:-1].replace('""', '"'))
            else:
                fields.append(bare if mark else bare.rstrip("\n"))
                plain = plain and '"' not in bare
            position = match.end()
            if not mark:
                full = n is None or len(fields) == n
                return _Parsed(_Ends.WHOLE if full else _Ends.SHORT, tuple(fields), position, plain)

    def _parse_broken(
        self, text: str, position: int, n: int | None, fields: list[str], plain: bool
    ) -> _Parsed:
        """What stands at `position` begins with a quote and is not a field."""
        match = self._quoted.match(text, position)
        if match is None:
            return _Parsed(_Ends.OPEN)
        if len(fields) + 1 == n and text.startswith("\n", match.end()):
            last = match[0][1:-1].replace('""', '"')
            return _Parsed(_Ends.LONG, (*fields, last), match.end() + 1, plain)
        return _Parsed(_Ends.BROKEN)


def _last_line(text: str, start: int, end: int) -> int:
    """Where an unquoted field that ends a record ends, if the text before the next delimiter
    runs on into the next record: before a line that opens a quote, else before the last line."""
    quote = text.find('\n"', start, end)
    return quote if quote >= 0 else text.rfind("\n", start, end)


# Starts.


@dataclass(frozen=True, slots=True)
class _Start:
    """What the start of a record looks like; group "id" of `pattern` is the id. A `strong`
    shape does not occur in prose."""

    pattern: re.Pattern[str]
    strong: bool


def _learn_start(
    lines: Sequence[str], columns: Sequence[str], id_column: int, syntax: _Syntax
) -> _Start:
    ids = _sample_ids("\n".join(lines), len(columns), id_column, syntax)
    shape, strong = _shape(
        [one for one in ids if not re.fullmatch(rf"{_MISSING_IDS}|.*\s.*|", one)]
    )
    before = [name.lower() in _COUNTER_NAMES for name in columns[:id_column]]
    if any(before):  # the counter alone then marks a record that lacks its id
        shape = f"(?:{shape}|{_MISSING_IDS}|)"
    mark = re.escape(syntax.delimiter)
    field = rf'(?:{syntax.quoted}|[^"{mark}]*+)'
    skipped = "".join((r'"?\d++"?' if counter else field) + mark for counter in before)
    end = r"\s*\Z" if id_column == len(columns) - 1 else mark
    pattern = rf'{skipped}(?P<quote>"?)(?P<id>{shape})(?P=quote){end}'
    return _Start(re.compile(pattern), strong or any(before))


def _sample_ids(text: str, n: int, id_column: int, syntax: _Syntax) -> list[str]:
    """The ids where each record is taken to follow the one before, which holds but where there
    is rot; a line that begins no record is skipped."""
    ids: list[str] = []
    position = 0
    while position < len(text):
        parsed = syntax.parse(text, position, n)
        if parsed.ends in (_Ends.WHOLE, _Ends.LONG):
            ids.append(parsed.fields[id_column])
            position = parsed.end
        else:
            position = text.find("\n", position) + 1 or len(text)
    return ids


def _shape(ids: Sequence[str]) -> tuple[str, bool]:
    """The narrowest shape that most ids have, and whether prose does not have it."""
    prefix, _ = Counter(re.split(r"\d", one)[0] for one in ids or [""]).most_common(1)[0]
    length, _ = Counter(map(len, ids or [""])).most_common(1)[0]
    shapes = (
        (re.escape(prefix) + r"\d+", len(prefix) >= 3),
        (rf"[\w.:/+=-]{{{length}}}", length >= 12),
        (r"[\w.:/+=-]{1,100}", False),
    )
    for shape, strong in shapes:
        if sum(re.fullmatch(shape, one) is not None for one in ids) > len(ids) / 2:
            return shape, strong
    return r'[^\s"]{1,100}?', False


# Records.


@dataclass(frozen=True, slots=True)
class _Piece:
    """The text from `position` on; `line` is the number of its first line."""

    text: str
    line: int
    position: int = 0


@dataclass(frozen=True, slots=True)
class _Torn:
    line: int
    raw: str
    detail: str


def _pieces(lines: Iterable[str], start: _Start, line: int) -> Iterator[_Piece]:
    """The text from each line that looks like a start to the next one."""
    gathered: list[str] = []
    first = line
    for number, text in enumerate(lines, start=line):
        if start.pattern.match(text) and gathered:
            yield _Piece("\n".join(gathered), first)
            gathered = []
        if not gathered:
            first = number
        gathered.append(text)
    if gathered:
        yield _Piece("\n".join(gathered), first)


def _records(
    pieces: Iterator[_Piece], syntax: _Syntax, n: int, joins_short: bool
) -> Iterator[tuple[int, tuple[str, ...]] | _Torn]:
    """Records as (line, fields). `joins_short`: starts are weak, so a line of prose may have
    been taken for one, and a piece with too few fields be the beginning of a record."""
    ahead: deque[_Piece] = deque()
    while True:
        ahead.extend(islice(pieces, max(0, _JOIN_LIMIT + 1 - len(ahead))))
        if not ahead:
            return
        piece = ahead.popleft()
        if not _INK.search(piece.text, piece.position):
            continue
        parsed = syntax.parse(piece.text, piece.position, n)
        if parsed.ends is _Ends.OPEN or (joins_short and parsed.ends is _Ends.SHORT):
            joined = _join(piece, ahead, syntax, n)
            if joined is not None:
                piece, parsed = joined
        if parsed.ends in (_Ends.WHOLE, _Ends.LONG):
            yield piece.line, parsed.fields
        else:
            found = f": {len(parsed.fields)} of {n}" if parsed.ends is _Ends.SHORT else ""
            detail = f"line {piece.line}: {parsed.ends.value}{found}"
            yield _Torn(piece.line, piece.text[piece.position :], detail)
        if parsed.ends is _Ends.LONG:
            line = piece.line + piece.text.count("\n", piece.position, parsed.end)
            ahead.appendleft(_Piece(piece.text, line, parsed.end))


def _join(
    piece: _Piece, ahead: deque[_Piece], syntax: _Syntax, n: int
) -> tuple[_Piece, _Parsed] | None:
    """The piece with as many of the next ones as make it a record, which are taken away from
    `ahead`; None where a piece that is good by itself, or the limit, comes first."""
    text = piece.text[piece.position :]
    for count, other in enumerate(islice(ahead, _JOIN_LIMIT), start=1):
        alone = syntax.parse(other.text, other.position, n)
        if alone.ends is _Ends.WHOLE and alone.plain:
            return None
        text += "\n" + other.text[other.position :]
        parsed = syntax.parse(text, 0, n)
        if parsed.ends in (_Ends.WHOLE, _Ends.LONG):
            for _ in range(count):
                ahead.popleft()
            return _Piece(text, piece.line), parsed
        if parsed.ends in (_Ends.MANY, _Ends.BROKEN):
            return None
    return None


def _number(
    records: Iterable[tuple[int, tuple[str, ...]] | _Torn],
    start: _Start,
    source: str,
    kind: str,
    country: str,
) -> Iterator[Row | Rejected]:
    for number, record in enumerate(records, start=1):
        if isinstance(record, _Torn):
            match = start.pattern.match(record.raw)
            key = (match["id"] if match else "") or f"row {number}"
            yield Rejected(
                kind,
                key,
                Reason.TORN_RECORD,
                record.detail,
                source,
                mask_raw(record.raw, country),
            )
        else:
            line, fields = record
            yield Row(number, line, fields)
