"""Texts of listings, mended: encoding, HTML, whitespace, glued sentences, and what the site that
they come from has added ("| in Leeds | Gumtree", "Posted by … in … . 25 February 2022")."""

import html
import re
from itertools import pairwise

import ftfy

_FTFY = ftfy.TextFixerConfig(unescape_html=False, explain=False)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_BREAK_TAG = re.compile(r"<(?:br|/?p|/?div|/?li|/?tr|/?h[1-6])\b[^<>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:a|b|i|u|em|strong|span|font|ul|ol|table|tbody|td|th|img|hr|small|big|sup|sub|center)\b"
    r"[^<>]{0,2000}>",
    re.IGNORECASE,
)
# Controls, directional marks, invisible spaces, halves of surrogate pairs.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff\ufffe\uffff]"
)
# Without these, double blanks included, there is nothing to mend.
_UNUSUAL = re.compile(r"[^ -~]|[&<]|  ")
_NEWLINE = re.compile(r"\r\n|[\r\u2028\u2029]")
_BLANKS = re.compile(r"[^\S\n]+")
_AROUND_NEWLINE = re.compile(r" ?\n ?")
_MANY_NEWLINES = re.compile(r"\n{3,}")


def strip_unstorable(text: str) -> str:
    """Without NUL characters and halves of surrogate pairs: JSON can write both, no database and
    no file takes them, and neither means anything."""
    whole = text.replace("\0", "")
    return whole if whole.isascii() else whole.encode("utf-8", "ignore").decode()


def mend(text: str) -> str:
    """The text with its encoding repaired (ftfy), HTML entities and tags resolved, invisible
    characters dropped and whitespace collapsed; at most one blank line stays between others."""
    if not _UNUSUAL.search(text):
        return text.strip()
    for _ in range(2):  # "&amp;pound;" is twice encoded
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    if not text.isascii():
        text = ftfy.fix_text(text, _FTFY)
    if "<" in text:
        text = _TAG.sub(" ", _BREAK_TAG.sub("\n", text))
    text = _INVISIBLE.sub("", _NEWLINE.sub("\n", text))
    text = _AROUND_NEWLINE.sub("\n", _BLANKS.sub(" ", text))
    return _MANY_NEWLINES.sub("\n\n", text).strip()


# What the site adds.

_SITE_SUFFIX = re.compile(r"(?:\s*\|\s*in\s[^|]*)?\|\s*Gumtree\s*\Z", re.IGNORECASE)

_MONTH = (
    "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|"
    "Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_DATE = (
    rf"(?:[0-9]{{1,2}}(?:st|nd|rd|th)?\.?\s{_MONTH}\.?,?\s[0-9]{{4}}"
    rf"|{_MONTH}\.?\s[0-9]{{1,2}}(?:st|nd|rd|th)?,?\s[0-9]{{4}}"
    r"|[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{4})"
)
# With its date, or with the place alone. "Can be posted by Royal Mail in 2 days" stays.
_POSTED = re.compile(
    rf"\s*(?:\b|(?<=[a-z0-9]))Posted\sby\b(?:[^\n]{{1,250}}?(?P<date>{_DATE})"
    r"|\s(?:[^\s]+\s){0,5}?(?:[^\s]+\s?)in\s[A-Z][^\n.]{0,150}(?=\.|\n|\Z))\.?\s*"
)
_SPACE_BEFORE_STOP = re.compile(r"\s+\.\Z")


def strip_site(title: str) -> str:
    """The title without "| in <place> | Gumtree" at its end."""
    return _SITE_SUFFIX.sub("", title).strip()


def strip_posted(description: str) -> tuple[str, str | None]:
    """The description without "Posted by <name> in <category> in <town>. <date>", which tells
    the label, and that date as it stands there."""
    if "osted by" not in description:
        return description, None
    dates = [match["date"] for match in _POSTED.finditer(description) if match["date"]]
    text = _SPACE_BEFORE_STOP.sub(".", _POSTED.sub(" ", description).strip())
    return text, dates[0] if dates else None


# Glued sentences: "reclaimedGreat", "first use.Brand new", "£20Collection only".

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
_HUMPED = re.compile(r"(?<![A-Za-z])[A-Za-z]*[a-z][A-Z][a-z][A-Za-z]*")
_PARTS = re.compile(r"[A-Z]*[a-z]+|[A-Z]+")
_AFTER_STOP = re.compile(
    r"(?<=[a-z0-9][a-z0-9)])(?<!www)[.!?;:,](?=[A-Z][a-z])(?!(?:Co|Com|Net|Org|Uk|Html)\b)"
    r"|(?<=[\w.])\)(?=[A-Z][a-z])"
)
_NUMBER_WORD = re.compile(r"(?<=[0-9])(?=[A-Z][a-z]+)")

# Words that begin sentences in listings: where one follows another capitalised word without a
# space, two lines were glued, and no brand is meant.
_STARTERS = (
    " All Also And Any Approx Are As At Available Bargain Being Bought Brand Buyer By Call Can "
    "Cash Collect Collection Colour Comes Complete Condition Contact Cost Current Delivery "
    "Depth Dimensions Each Excellent Features For Free From Front Full Fully Genuine Good Great "
    "Happy Has Have Height Here However If In Includes Including Is It Item Just Ideal Length "
    "Like Local Located Looking Lots Lovely Made Measurements Measures Message More Must My "
    "Need Needs Never New No Not Now Offers Only Open Or Original Our Perfect Pet Photos Pick "
    "Pictures Please Postage Price Priced Rear Reason Retail Sale See Selling Sensible Size "
    "Smoke Smoking Sold Some Still Suitable Text Thank Thanks The These They This Total Used "
    "Very Viewing Was We Weight Well Were Wheels Which Width Will With Would You Your "
)
# Names with a capital inside that a rule below would cut; in lower case.
_BRANDS = (
    " airpod airpods babyliss bluray deskjet displayport facebook facetime fisherprice fitbit "
    "gameboy geforce gopro homepod hotpoint ideapad kitchenaid laserjet leapfrog linkedin macbook "
    "macbooks minecraft officejet oneplus paypal playmobil playstation playstations powerpoint "
    "rayban sandisk silvercrest snapchat taylormade thinkcentre thinkpad thinkpads tiktok "
    "tombraider tomtom turtlebeach vonhaus whatsapp wifi youtube "
)
_PREFIXES = ("mac", "mc", "fitz", "de", "di", "du", "la", "le", "van", "von")
_UNITS = ("m", "g", "l", "cm", "mm", "kg", "ml", "gb", "tb", "ft", "lb", "am", "pm", "mp")


def unglue(text: str) -> str:
    """Put a space where two sentences were glued, and none into names like "iPhone", "MacBook",
    "PlayStation" or "McCartney": where the case is not clear, nothing is done."""
    text = _HUMPED.sub(lambda match: _part(match[0], match.string, match.start()), text)
    text = _AFTER_STOP.sub(lambda match: match[0] + " ", text)
    return _NUMBER_WORD.sub(lambda match: _before_starter(match.string, match.start()), text)


def _part(word: str, text: str, start: int) -> str:
    """The word, cut at the humps where a sentence ends."""
    pieces = _HUMP.split(word)
    unit = pieces[0] in _UNITS and text[max(0, start - 2) : start].strip()[-1:].isdigit()
    parted = pieces[0]
    for left, right in pairwise(pieces):
        parted += (" " if _is_seam(left, right, unit) else "") + right
        unit = False
    return parted


def _is_seam(left: str, right: str, unit: bool) -> bool:
    """Whether a sentence ends between two humps of a word; `unit`: the left one is a unit behind
    a number, as in "20cmHeight"."""
    tail = _PARTS.findall(left)[-1]
    head = _PARTS.findall(right)[0]
    starts = f" {head} " in _STARTERS
    if f" {tail}{head} ".lower() in _BRANDS or (tail.lower() in _PREFIXES and not starts):
        return False
    if unit or (tail[0].islower() and len(tail) >= 2):
        return starts or len(head) >= 3
    return starts and len(tail) >= 3


def _before_starter(text: str, at: int) -> str:
    word = _PARTS.match(text, at)
    return " " if word is not None and f" {word[0]} " in _STARTERS else ""
