"""Bodies: posted forms with text fields and photos, and JSON objects."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest

from marketrank.api.parameters import BadParameter

FORM_KINDS = ("multipart/form-data", "application/x-www-form-urlencoded")
# The cleaned photo of an earlier search travels along as a text field.
MAX_FIELD_BYTES = 1_000_000
_MAX_FIELDS = 30


async def read_form(
    http: HttpRequest, *, photo_max_bytes: int
) -> tuple[list[tuple[str, str]], bytes | None]:
    """The text fields, in order, and the bytes of the file field `photo`, None without one.

    Raises what `read_uploads` raises.
    """
    fields, photos = await read_uploads(http, ("photo",), most=1, photo_max_bytes=photo_max_bytes)
    return fields, photos[0].data if photos else None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form. `name` is the sender's own, for messages alone: never a path."""

    name: str
    data: bytes


async def read_uploads(
    http: HttpRequest, names: Collection[str], *, most: int, photo_max_bytes: int
) -> tuple[list[tuple[str, str]], list[Upload]]:
    """The text fields, in order, and the files, at most `most`, of the fields `names`. A field
    that was sent without choosing a file is left out.

    Raises BadParameter for a file elsewhere, HTTPException 413 for one beyond `photo_max_bytes`,
    415 for a body that is not a form and 400 for a broken one, or one of more files.
    """
    if content_type(http) not in FORM_KINDS:
        known = " or ".join(names)
        raise HTTPException(
            415, f"the body must be a form: multipart/form-data with the file in the field {known}"
        )
    fields: list[tuple[str, str]] = []
    files: list[Upload] = []
    limits = {"max_files": most, "max_fields": _MAX_FIELDS, "max_part_size": MAX_FIELD_BYTES}
    async with http.form(**limits) as form:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                fields.append((name, value))
            elif name not in names:
                raise BadParameter(
                    name, value.filename or "", f"it is a file; send it as {' or '.join(names)}"
                )
            elif value.size is not None and value.size > photo_max_bytes:
                raise HTTPException(
                    413, f"the photo is larger than {photo_max_bytes / 1e6:.0f} MB; send a smaller"
                )
            elif data := await value.read():
                files.append(Upload((value.filename or "")[:100], data))
    return fields, files


def content_type(http: HttpRequest) -> str:
    """Of the body, without parameters, in small letters; "" where none is stated."""
    return http.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_object(http: HttpRequest) -> dict[str, Any]:
    """The body as a JSON object. Raises HTTPException 400 for one that is none."""
    body = await http.body()
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise HTTPException(400, f"the body is JSON but no object: {body[:40]!r}; send {{…}}")
    return found
