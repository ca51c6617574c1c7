"""Words as the text index splits them, for everything that works beside it: dictionary, spelling,
synonyms, completions."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

# What may be somebody's address or telephone number, also where a feed was not masked. The first
# is looked for only where one of the signs is: it costs more than all the rest.
_ADDRESSES = re.compile(
    r"\[(?:tel|email|postcode)\]|\S*@\S*|\b(?:https?:|www\.)\S+|\S+\.(?:com|net|org|uk|co)\b\S*"
)
_ADDRESS_SIGNS = ("@", "[", "http", "www.", ".com", ".net", ".org", ".uk", ".co")
_NUMBERS = re.compile(r"[+(]?\b\d[\d\s().\-/]{4,}\d\b")
# What stands on two sides of one of these does not belong together.
_BREAKS = re.compile(r"[^\w\s'&-]+|\s-+\s")
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])['’](?=[^\W\d_])")
_TOKEN = re.compile(r"[^\W_]+")
_QUERY_TOKEN = re.compile(rf"[^\W_]+(?:{_APOSTROPHE.pattern}[^\W_]+)*")
_MODEL = re.compile(r"[a-z]{1,8}\d{1,4}[a-z]{0,2}")
_LONGEST = 24  # letters; what is longer is pasted or shouted


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a text: as compared (folded), and where it stands in the text."""

    word: str
    start: int
    end: int


def fold(text: str) -> str:
    """Lower case without accents."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text)
    return "".join(c for c in parts if not unicodedata.combining(c)).lower()


def tokens(text: str) -> Iterator[Token]:
    """The words of a query, with their places in it; "men's" is one word."""
    for match in _QUERY_TOKEN.finditer(text):
        start, end = match.span()
        yield Token(fold(_APOSTROPHE.sub("", match[0])), start, end)


def segments(text: str) -> Iterator[list[str]]:
    """Runs of words with nothing but blanks, hyphens and "&" between them, folded. Addresses,
    telephone numbers and the marks that replace them are left out."""
    text = _APOSTROPHE.sub("", fold(text))
    if any(sign in text for sign in _ADDRESS_SIGNS):
        text = _ADDRESSES.sub("|", text)
    for part in _BREAKS.split(_NUMBERS.sub("|", text)):
        words = _TOKEN.findall(part)
        if words:
            yield words


def is_word(token: str) -> bool:
    """Whether a token is made of letters, as a dictionary has it."""
    return token.isalpha() and len(token) <= _LONGEST


def is_model_name(token: str) -> bool:
    """ "ps5", "rx580": letters, then up to four digits and perhaps a letter or two."""
    return _MODEL.fullmatch(token) is not None


def is_small_number(token: str) -> bool:
    """ "3" in "3 seater sofa". Longer numbers may be somebody's."""
    return token.isdecimal() and len(token) <= 2
