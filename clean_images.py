"""Clean a folder (or zip, s3://… or https://… zip) of photos into another folder: every photo
upright, RGB and of one size, with black bars where it is not square.

    python clean_images.py images cleaned_images --final-size 448
"""

import argparse
import os
import sys
from pathlib import Path

from PIL import Image

from marketrank.config import Settings
from marketrank.errors import BadInput, MarketrankError
from marketrank.listings.images import CleanedPhoto, PhotoProblem, clean_image
from marketrank.listings.photo_pool import PhotoPool
from marketrank.listings.photo_source import open_photos
from marketrank.types import ImageId

FINAL_SIZE: int = Settings.model_fields["photo_size"].default


def resize_image(final_size: int, image: Image.Image) -> Image.Image:
    """The whole picture in an RGB square of `final_size` pixels, letterboxed in black."""
    return clean_image(image, final_size=final_size)


def clean_image_data(
    folder: str,
    cleaned_folder: str = "cleaned_images",
    final_size: int = FINAL_SIZE,
    processes: int = os.cpu_count() or 1,
) -> dict[ImageId, PhotoProblem]:
    """Write `<id>.jpg` for each photo that can be cleaned; returns why the others cannot."""
    target = Path(cleaned_folder)
    if target.resolve() == Path(folder).resolve():
        raise BadInput(f"{folder} would be overwritten; name another folder for clean photos")
    photos = open_photos(folder)
    target.mkdir(parents=True, exist_ok=True)
    problems: dict[ImageId, PhotoProblem] = {}
    with PhotoPool(
        processes=processes,
        final_size=final_size,
        max_bytes=Settings.model_fields["photo_max_bytes"].default,
        max_pixels=Settings.model_fields["photo_max_pixels"].default,
    ) as pool:
        for image, outcome in pool.clean(photos.ids(), photos.read, known={}):
            if isinstance(outcome, CleanedPhoto):
                (target / f"{image}.jpg").write_bytes(outcome.jpeg)
            elif isinstance(outcome, PhotoProblem):
                problems[image] = outcome
    for path in photos.repeated:
        print(f"{path}: not read, another file has the same name", file=sys.stderr)
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description="Clean a folder of photos into another folder.")
    parser.add_argument("folder", nargs="?", default="images")
    parser.add_argument("cleaned_folder", nargs="?", default="cleaned_images")
    parser.add_argument("--final-size", type=int, default=FINAL_SIZE, help="side in pixels")
    given = parser.parse_args()
    if given.final_size < 1:
        parser.error(f"--final-size {given.final_size} must be at least 1")
    try:
        problems = clean_image_data(given.folder, given.cleaned_folder, given.final_size)
    except MarketrankError as error:
        sys.exit(f"error: {error}")
    for image, problem in problems.items():
        print(f"{image}: {problem.reason}: {problem.detail}", file=sys.stderr)
    print(f"cleaned photos are in {given.cleaned_folder}; {len(problems)} could not be cleaned")


if __name__ == "__main__":
    main()
