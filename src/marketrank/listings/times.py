"""Times as feeds write them, in UTC."""

import re
from datetime import UTC, datetime, timedelta, timezone

# So many digits are seconds, milliseconds or microseconds since 1970.
_EPOCHS = {10: 1.0, 13: 1e-3, 16: 1e-6}
_CLOCK = (
    r"(?:,?\s+(?:at\s+)?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?"
    r"\s*(?P<zone>[+-]\d{2}:?\d{2}|Z|UTC|GMT)?)?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_MONTH = r"(?P<name>[A-Za-z]{3})[a-z]{0,6}\.?"
_FORMS = tuple(
    re.compile(date + _CLOCK, re.IGNORECASE)
    for date in (
        r"(?P<day>\d{1,2})[/.-](?P<month>\d{1,2})[/.-](?P<year>\d{4})",
        r"(?P<year>\d{4})[/.](?P<month>\d{1,2})[/.](?P<day>\d{1,2})",
        rf"(?:[A-Za-z]{{3,9}},?\s+)?{_DAY}\.?\s+{_MONTH},?\s+(?P<year>\d{{4}})",
        rf"(?:[A-Za-z]{{3,9}},?\s+)?{_MONTH}\s+{_DAY},?\s+(?P<year>\d{{4}})",
    )
)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"


def parse_time(text: str | None) -> datetime | None:
    """The UTC time of ISO 8601, day/month/year, "25 February 2022", "Feb 25, 2022", an e-mail's
    date, or seconds, milliseconds or microseconds since 1970. What names no zone is UTC; None for
    anything else."""
    text = (text or "").strip()
    if not text:
        return None
    try:
        time = _parse(text)
        if time is None or time.tzinfo is not None:
            return time and time.astimezone(UTC)
        return time.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):  # 31 February; the year 1, east of Greenwich
        return None


def _parse(text: str) -> datetime | None:
    if text.isdecimal() and len(text) in _EPOCHS:
        return datetime.fromtimestamp(int(text) * _EPOCHS[len(text)], UTC)
    for form in _FORMS:
        match = form.fullmatch(text)
        if match is not None:
            return _build(match.groupdict())
    if not re.match(r"\d{4}-", text):  # "20220225" is as likely an id
        return None
    return datetime.fromisoformat(re.sub(r"\s*(?:UTC|GMT)\Z", "+00:00", text))


def _build(parts: dict[str, str | None]) -> datetime:
    name = parts.get("name")
    month = int(parts["month"] or 0) if name is None else 1 + _month(name)
    hour, minute, second = (int(parts[unit] or 0) for unit in ("hour", "minute", "second"))
    return datetime(
        int(parts["year"] or 0),
        month,
        int(parts["day"] or 0),
        hour,
        minute,
        second,
        tzinfo=_zone(parts["zone"]),
    )


def _month(name: str) -> int:
    """0 to 11. Raises ValueError for no month."""
    return _MONTHS.split().index(name.lower())


def _zone(text: str | None) -> timezone:
    if text is None or text[0] not in "+-":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(offset if text[0] == "+" else -offset)
