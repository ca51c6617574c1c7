"""A posted form: text fields and at most one photo."""

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest

from marketrank.api.parameters import BadParameter

_KINDS = ("multipart/form-data", "application/x-www-form-urlencoded")
# The cleaned photo of an earlier search travels along as a text field.
MAX_FIELD_BYTES = 1_000_000
_MAX_FIELDS = 30


async def read_form(
    http: HttpRequest, *, photo_max_bytes: int
) -> tuple[list[tuple[str, str]], bytes | None]:
    """The text fields, in order, and the bytes of the file field `photo`, None without one.

    Raises BadParameter for a file elsewhere, HTTPException 413 for a photo beyond
    `photo_max_bytes`, 415 for a body that is not a form and 400 for a broken one.
    """
    kind = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _KINDS:
        raise HTTPException(
            415, "the body must be a form: multipart/form-data with the file in the field photo"
        )
    fields: list[tuple[str, str]] = []
    photo: bytes | None = None
    limits = {"max_files": 1, "max_fields": _MAX_FIELDS, "max_part_size": MAX_FIELD_BYTES}
    async with http.form(**limits) as form:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                fields.append((name, value))
            elif name != "photo":
                raise BadParameter(name, value.filename or "", "it is a file; send it as photo")
            elif value.size is not None and value.size > photo_max_bytes:
                raise HTTPException(
                    413, f"the photo is larger than {photo_max_bytes / 1e6:.0f} MB; send a smaller"
                )
            else:
                # A form that is sent without choosing a file holds an empty one.
                photo = await value.read() or None
    return fields, photo
