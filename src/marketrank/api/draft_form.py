"""The form on which a seller writes a draft: its fields, and the photos that travel along.

Nothing of a draft is kept on the server. A page that is shown again carries its photos, made
smaller, in hidden fields; in a browser with scripts the file field keeps them.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from starlette.requests import Request as HttpRequest

from marketrank.api.drafts import FIELDS
from marketrank.api.forms import read_uploads
from marketrank.config import Settings
from marketrank.listings.images import PhotoProblem, smaller_photo
from marketrank.pipelines.drafts import MOST_PHOTOS

LONGEST_SIDE, SHORTEST_SIDE = 1024, 480
"""Pixels of a photo that travels along: more than is kept of it, and than advice asks for."""
_ID = re.compile(r"[0-9a-f]{32}")
_MOST_FILES = 24
"""More than may be used, so that whoever chooses too many is told so on the page."""


@dataclass(frozen=True, slots=True)
class DraftForm:
    """`values` are the fields of `drafts.FIELDS`, "" where nothing was written. `id` will be that
    of the listing, so that a form that is sent twice makes one. `csrf` is the token that it
    carries; `mistake` says what could not be read of it."""

    values: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))
    photos: tuple[bytes, ...] = ()
    id: str = field(default_factory=lambda: uuid4().hex)
    csrf: str = ""
    mistake: str = ""

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    @property
    def is_empty(self) -> bool:
        return not (self.photos or self["title"].strip() or self["description"].strip())


async def read_draft_form(http: HttpRequest, settings: Settings) -> DraftForm:
    """What was sent, with a `mistake` rather than without what was typed. Raises what
    `forms.read_uploads` raises."""
    fields, files = await read_uploads(
        http, ("photo",), most=_MOST_FILES, photo_max_bytes=settings.photo_max_bytes
    )
    once: dict[str, str] = {}
    for name, value in fields:
        once.setdefault(name, value)
    values = {name: once.get(name, "").replace("\0", "") for name in FIELDS}
    mistakes = [
        f"{name.capitalize()}: {len(value):,} characters are too many; {FIELDS[name][0]:,} fit."
        for name, value in values.items()
        if len(value) > FIELDS[name][0]
    ]
    dropped = {value for name, value in fields if name == "drop"}
    kept = [value for name, value in fields if name == "kept"]
    found = [_decoded(one) for place, one in enumerate(kept) if str(place) not in dropped]
    photos = [one for one in found if one] + [one.data for one in files]
    if not all(found):
        mistakes.append("A photo did not arrive whole: please choose it again.")
    if len(photos) > MOST_PHOTOS:
        mistakes.append(f"There are {len(photos)} photos: we took the first {MOST_PHOTOS}.")
    id = once.get("id", "")
    return DraftForm(
        {name: value[: FIELDS[name][0]] for name, value in values.items()},
        tuple(photos[:MOST_PHOTOS]),
        id if _ID.fullmatch(id) else uuid4().hex,
        once.get("csrf", ""),
        " ".join(mistakes),
    )


def carried(photos: Sequence[bytes], settings: Settings) -> list[str]:
    """Photos as hidden fields hold them, smaller; those that cannot be read are left out."""
    found = []
    for data in photos:
        small = smaller_photo(
            data,
            longest=LONGEST_SIDE,
            shortest=SHORTEST_SIDE,
            max_bytes=settings.photo_max_bytes,
            max_pixels=settings.photo_max_pixels,
        )
        if not isinstance(small, PhotoProblem):
            found.append(base64.b64encode(small).decode())
    return found


def _decoded(text: str) -> bytes:
    """b"" for what no page of ours has written."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
