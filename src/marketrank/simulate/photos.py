"""Photos of one thing: a model, somewhere, as a hurried seller takes them.

The same subject and seed give the same bytes, whatever was drawn before. About 30 photos a
second and core.
"""

import random
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from marketrank.simulate.lens import jpeg, photographed
from marketrank.simulate.mesh import RGB, Model, moved, refined, standing, turned
from marketrank.simulate.props import around
from marketrank.simulate.render import Camera, Light, dimmed, draw, framed, shadows
from marketrank.simulate.scenes import (
    Backdrop,
    background,
    choose_backdrop,
    choose_light,
    wall_behind,
)
from marketrank.simulate.shapes import shape_named
from marketrank.simulate.shapes.art import words
from marketrank.simulate.shapes.style import Style

LANDSCAPE, PORTRAIT = (640, 480), (480, 640)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is photographed and where: `shape` names an entry of `shapes.SHAPES`; `place` is one of
    `scenes.choose_backdrop`'s, or "cloth" (hung up or laid out as the model is)."""

    shape: str
    colour: RGB
    accent: RGB
    material: str
    place: str


@dataclass(frozen=True, slots=True)
class _Setting:
    """What all photos of a listing share."""

    model: Model
    place: str
    backdrop: Backdrop
    light: Light
    facing: float


def take_photos(subject: Subject, *, shots: int, seed: str, banner: str = "") -> list[bytes]:
    """`shots` JPEGs of the same thing from different sides, 640 × 480 or 480 × 640; `banner` is
    written across the first, as traders do."""
    rng = random.Random(seed)
    setting = _set_up(subject, rng)
    size = _choose_size(setting.model, rng)
    pictures = []
    for shot in range(shots):
        if shot and rng.random() < 0.12:
            setting = _elsewhere(setting, rng)
        image = _take(setting, shot, size, random.Random(f"{seed}/{shot}"))
        if banner and shot == 0:
            _write_banner(image, banner, random.Random(f"{seed}/banner"))
        pictures.append(jpeg(image, rng.randint(80, 90)))
    return pictures


def _set_up(subject: Subject, rng: random.Random) -> _Setting:
    style = Style(subject.colour, subject.accent, subject.material, rng)
    model = refined(shape_named(subject.shape)(style))
    place = subject.place
    if place == "cloth":
        low, high = model.bounds()
        place = "wall" if high[2] - low[2] > 0.3 else "spread"
    model = moved(standing(model), z=rng.uniform(0.9, 1.3)) if place == "wall" else standing(model)
    backdrop = choose_backdrop(place, rng)
    facing = rng.gauss(0, 9) if place == "wall" else rng.gauss(0, 24)
    return _Setting(model, place, backdrop, choose_light(backdrop, rng), facing)


def _choose_size(model: Model, rng: random.Random) -> tuple[int, int]:
    """Phones are turned to suit the thing, mostly."""
    low, high = model.bounds()
    width, depth, height = (high - low).tolist()
    tall = max(height, depth * 0.6) > 1.1 * width
    if rng.random() < 0.2:
        tall = not tall
    return PORTRAIT if tall else LANDSCAPE


def _elsewhere(setting: _Setting, rng: random.Random) -> _Setting:
    backdrop = choose_backdrop(setting.place, rng)
    return _Setting(
        setting.model, setting.place, backdrop, choose_light(backdrop, rng), setting.facing
    )


def _take(setting: _Setting, shot: int, size: tuple[int, int], rng: random.Random) -> Image.Image:
    backdrop, light, hung = setting.backdrop, setting.light, setting.place == "wall"
    turn = setting.facing + (rng.choice((-1, 1)) * rng.uniform(12, 45) if shot and not hung else 0)
    model = setting.model if hung else turned(setting.model, turn)
    camera = _aim(model, setting, shot, size, rng)
    low, high = model.bounds()
    reach = float(np.linalg.norm(high - low))
    far = wall_behind(backdrop, reach=reach, back=float(high[1]), rng=rng)
    image, lit = background(backdrop, camera, light, reach=reach, far=far, rng=rng)
    lit = shadows(model, camera, light, lit, wall=far if hung else None)
    image = dimmed(image, lit)
    clutter = around(backdrop, reach=reach, far=far, rng=rng)
    if clutter is not None:
        image = draw(clutter, camera, light, image)
    return photographed(draw(model, camera, light, image), rng)


def _aim(
    model: Model, setting: _Setting, shot: int, size: tuple[int, int], rng: random.Random
) -> Camera:
    """First photos show the whole thing; later ones may come close or cut it off."""
    close = shot > 0 and rng.random() < 0.4
    low = 0.85 if setting.place in ("wall", "spread") else 0.7
    fill = rng.uniform(1.15, 1.8) if close else rng.uniform(low, low + 0.26)
    drift = 0.12 if close else 0.025
    azimuth = rng.gauss(0, 14 if setting.place == "wall" else 5)
    return framed(
        model,
        azimuth=azimuth,
        elevation=rng.uniform(*setting.backdrop.elevation),
        roll=rng.gauss(0, 1.4) + (rng.choice((-6, 5, 9)) if rng.random() < 0.05 else 0),
        fill=fill,
        size=size,
        focal=rng.uniform(0.85, 1.2) * 640 / size[0],
        offset=(rng.gauss(0, drift), rng.gauss(0.015, drift)),
    )


def _write_banner(image: Image.Image, text: str, rng: random.Random) -> None:
    height = image.height // 9
    top = rng.choice((0, image.height - height))
    colour = rng.choice(((200, 30, 34), (240, 200, 30), (20, 60, 130)))
    ImageDraw.Draw(image).rectangle([0, top, image.width, top + height], fill=colour)
    words(image, text, (12, top + height // 4, image.width, top + height * 2), (255, 255, 255))
