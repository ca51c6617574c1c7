"""Where things are kept, and how feeds and photos are read."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class HomeSettings(BaseSettings):
    """Where things are kept, and how feeds and photos are read."""

    home: Path = Field(description="Folder of everything that marketrank keeps")
    database_url: str = Field(
        "",
        repr=False,  # may hold a password
        description="postgresql://… of a server; empty starts the embedded one in the home",
    )
    photos_url: str = Field(
        "", description="Where cleaned photos are kept (fsspec URL); empty means <home>/photos"
    )
    keys_folder: Path | None = Field(
        None,
        description="Where the keys of buyers are kept, never with the database's backups; empty "
        "means <home>/keys",
    )
    impression_days: int = Field(
        90, ge=1, description="How long what was shown is kept for training (days)"
    )
    currency: str = Field(
        "GBP", pattern="^[A-Z]{3}$", description="ISO 4217 code of prices without a symbol"
    )
    country: str = Field(
        "GB", pattern="^[A-Z]{2}$", description="ISO 3166 code: places and phone numbers"
    )
    photo_size: int = Field(
        448,
        ge=32,
        le=2048,
        description="Side of a cleaned photo in pixels: twice the image tower's input, so that "
        "JPEG decoding at half scale feeds it and the page stays sharp",
    )
    photo_max_bytes: int = Field(
        20_000_000, gt=0, description="Larger photo files are rejected before decoding (bytes)"
    )
    photo_max_pixels: int = Field(
        60_000_000, gt=0, description="Photos with more pixels are rejected before decoding"
    )
    keep_original_text: bool = Field(
        False, description="Keep texts as they were before contact details were masked"
    )
    processes: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        description="Worker processes for photos, and threads for an answer and its encoder",
    )
