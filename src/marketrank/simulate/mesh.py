"""Solids made of four-cornered cells: what the photos of the made-up marketplace are drawn from.

Metres; x to the right, y away from the viewer, z up; an object stands on z = 0 and looks towards
−y. A cell is small against its object, so that sorting cells by distance hides what is behind.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]
RGB = tuple[float, float, float]
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Paint:
    """How a surface looks: sRGB `colour` (0–255), and shares in [0, 1] of highlight (`gloss`),
    mirror-like metal, own light (`glow`), wood `grain` and uneven cloth (`weave`)."""

    colour: RGB
    gloss: float = 0.08
    metal: float = 0.0
    glow: float = 0.0
    grain: float = 0.0
    weave: float = 0.0
    thin: bool = False
    """Seen from both sides: cloth, paper, a lampshade."""


@dataclass(frozen=True, slots=True)
class Decal:
    """A flat polygon, points (n, 3), of one colour, or a picture between four corners (top left,
    top right, bottom right, bottom left). `lift` draws it as if that much nearer, as a share of
    the model's diagonal."""

    points: Floats
    paint: Paint
    image: Image.Image | None = None
    lift: float = 0.0


@dataclass(frozen=True, slots=True)
class Model:
    """Cells (n, 4, 3), their colours (n, 3), looks (n, 4: gloss, metal, glow, thin) and lifts
    (n,), and decals."""

    cells: Floats
    colours: Floats
    looks: Floats
    lifts: Floats
    decals: tuple[Decal, ...] = ()

    def bounds(self) -> Floats:
        """Lowest and highest corner, shape (2, 3)."""
        points = np.concatenate([self.cells.reshape(-1, 3), *(d.points for d in self.decals)])
        return np.stack([points.min(axis=0), points.max(axis=0)])


def join(*models: Model) -> Model:
    """All of them as one model."""
    return Model(
        np.concatenate([m.cells for m in models]),
        np.concatenate([m.colours for m in models]),
        np.concatenate([m.looks for m in models]),
        np.concatenate([m.lifts for m in models]),
        tuple(decal for m in models for decal in m.decals),
    )


def decals(*items: Decal) -> Model:
    """A model of nothing but decals."""
    return Model(np.zeros((0, 4, 3)), np.zeros((0, 3)), np.zeros((0, 4)), np.zeros(0), items)


def refined(model: Model, parts: int = 13) -> Model:
    """The same with every cell halved until none is longer than the model's diagonal / `parts`."""
    low, high = model.bounds()
    limit = float(np.linalg.norm(high - low)) / parts
    corners, colours, looks, lifts = model.cells, model.colours, model.looks, model.lifts
    for _ in range(5):
        edges = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)
        first, second = edges[:, [0, 2]].max(axis=1), edges[:, [1, 3]].max(axis=1)
        wide = (first > limit) & (first >= second)
        tall = (second > limit) & ~wide
        if not (wide.any() or tall.any()):
            break
        a, b, c, d = (corners[:, i] for i in range(4))
        ab, cd, bc, da = (a + b) / 2, (c + d) / 2, (b + c) / 2, (d + a) / 2
        one = np.where(
            wide[:, None, None], np.stack([a, ab, cd, d], 1), np.stack([a, b, bc, da], 1)
        )
        two = np.where(
            wide[:, None, None], np.stack([ab, b, c, cd], 1), np.stack([da, bc, c, d], 1)
        )
        cut = wide | tall
        corners = np.concatenate([np.where(cut[:, None, None], one, corners), two[cut]])
        colours = np.concatenate([colours, colours[cut]])
        looks = np.concatenate([looks, looks[cut]])
        lifts = np.concatenate([lifts, lifts[cut]])
    return Model(corners, colours, looks, lifts, model.decals)


def transformed(model: Model, matrix: Floats, shift: Sequence[float] = (0, 0, 0)) -> Model:
    """Every point p becomes matrix · p + shift."""
    offset = np.asarray(shift, dtype=float)
    moved_decals = tuple(replace(d, points=d.points @ matrix.T + offset) for d in model.decals)
    return replace(model, cells=model.cells @ matrix.T + offset, decals=moved_decals)


def moved(model: Model, x: float = 0, y: float = 0, z: float = 0) -> Model:
    return transformed(model, np.eye(3), (x, y, z))


def scaled(model: Model, x: float, y: float | None = None, z: float | None = None) -> Model:
    return transformed(model, np.diag([x, x if y is None else y, x if z is None else z]))


def turned(model: Model, degrees: float, axis: str = "z") -> Model:
    """Turned about an axis through the origin, anticlockwise when looking against the axis."""
    return transformed(model, rotation(degrees, axis))


def rotation(degrees: float, axis: str) -> Floats:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return {
        "x": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        "y": np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]),
        "z": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]),
    }[axis]


def lifted(model: Model, by: float = 0.06) -> Model:
    """Its cells drawn as if nearer: for what lies on or in another surface."""
    return replace(model, lifts=model.lifts + by)


def standing(model: Model) -> Model:
    """Shifted so that it stands on z = 0, its footprint centred."""
    low, high = model.bounds()
    middle = (low + high) / 2
    return moved(model, -middle[0], -middle[1], -low[2])


def cells(corners: Floats, paint: Paint, *, lift: float = 0.0, along: int = 2) -> Model:
    """Corners (n, 4, 3) in one paint. Wood grain runs along axis `along`."""
    n = len(corners)
    tone = np.ones(n)
    middle = corners.mean(axis=1)
    if paint.grain:
        a, b = (middle[:, i] for i in range(3) if i != along)
        run = middle[:, along]
        slow = np.sin(a * 37 + b * 29 + np.sin(run * 3) * 0.3)
        fine = np.sin(a * 211 + b * 167 + 0.5 * run) + np.sin(a * 463 + b * 389)
        tone += paint.grain * (0.05 * slow + 0.045 * fine)
    if paint.weave:
        key = np.sin(middle @ np.array([127.1, 311.7, 74.7])) * 43758.5453
        tone += paint.weave * 0.12 * (key - np.floor(key) - 0.5)
    colours = np.asarray(paint.colour, dtype=float) * tone[:, None]
    look = np.array([paint.gloss, paint.metal, paint.glow, float(paint.thin)])
    return Model(corners, colours, np.tile(look, (n, 1)), np.full(n, lift))


def patch(origin: Point, across: Floats, up: Floats, n: int, m: int) -> Floats:
    """A parallelogram cut into n × m cells, facing across × up. Shape (n·m, 4, 3)."""
    s, t = np.linspace(0, 1, n + 1), np.linspace(0, 1, m + 1)
    grid = (
        np.asarray(origin, dtype=float)
        + s[:, None, None] * np.asarray(across, dtype=float)
        + t[None, :, None] * np.asarray(up, dtype=float)
    )
    return grid_cells(grid)


def grid_cells(grid: Floats) -> Floats:
    """Neighbouring points of a grid (n+1, m+1, 3) as cells (n·m, 4, 3)."""
    corners = np.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], axis=2)
    return corners.reshape(-1, 4, 3)


def box(low: Point, high: Point, paint: Paint, *, cell: float | None = None) -> Model:
    """An upright box between two corners."""
    lo, hi = np.minimum(low, high).astype(float), np.maximum(low, high).astype(float)
    size = hi - lo
    along = int(size.argmax())
    step = cell or max(float(size.max()) / 7, 1e-4)
    counts = np.ceil(size / step - 1e-6)
    if paint.grain:
        fine = np.minimum(size / size.max() * 40, 22)
        counts = np.where(np.arange(3) == along, counts, np.maximum(counts, fine))
    cut = np.clip(counts, 1, 22).astype(int).tolist()
    faces = [_face(lo, size, cut, axis, side) for axis in range(3) for side in (0, 1)]
    return cells(np.concatenate(faces), paint, along=along)


def _face(lo: Floats, size: Floats, cut: Sequence[int], axis: int, side: int) -> Floats:
    """The cells of the box's face at its low (0) or high (1) end of an axis, facing outwards."""
    u, v = (i for i in range(3) if i != axis)
    if (axis == 1) != (side == 0):
        u, v = v, u
    origin = lo + np.eye(3)[axis] * size[axis] * side
    eye = np.eye(3)
    start = (float(origin[0]), float(origin[1]), float(origin[2]))
    return patch(start, eye[u] * size[u], eye[v] * size[v], cut[u], cut[v])


def loft(rings: Sequence[Floats], paint: Paint, *, closed: bool = True, along: int = 2) -> Model:
    """A skin over rings of equally many points (k, 3), anticlockwise as seen from the last."""
    grid = np.stack(rings, axis=1)
    if closed:
        grid = np.concatenate([grid, grid[:1]], axis=0)
    return cells(grid_cells(grid), paint, along=along)


def lathe(profile: Sequence[tuple[float, float]], paint: Paint, *, segments: int = 22) -> Model:
    """A solid of revolution about z; `profile` is (radius, height) from the bottom up."""
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    rings = [
        np.stack([r * np.cos(angle), r * np.sin(angle), np.full(segments, z)], axis=1)
        for r, z in profile
    ]
    return loft(rings, paint)


def cylinder(radius: float, height: float, paint: Paint, *, segments: int = 20) -> Model:
    """Upright on z = 0, closed at both ends, with softened rims."""
    soft = min(radius, height) * 0.08
    profile = [(0, 0), (radius - soft, 0), (radius, soft)]
    profile += [(radius, height * t) for t in (0.35, 0.65)]
    profile += [(radius, height - soft), (radius - soft, height), (0, height)]
    return lathe(profile, paint, segments=segments)


def ring(
    radius: float, thickness: float, paint: Paint, *, segments: int = 28, sides: int = 7
) -> Model:
    """A torus lying in the plane z = 0."""
    turn = np.linspace(0, 2 * np.pi, sides + 1)
    profile = [(radius + thickness * np.cos(t), thickness * np.sin(t)) for t in turn]
    return lathe(profile, paint, segments=segments)


def tube(
    path: Sequence[Point], radius: float | Sequence[float], paint: Paint, *, sides: int = 6
) -> Model:
    """A round bar along a path; `radius` may differ per point."""
    points = np.asarray(path, dtype=float)
    radii = np.broadcast_to(np.asarray(radius, dtype=float), (len(points),))[:, None, None]
    ahead = np.gradient(points, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-12
    guides = np.eye(3)[np.abs(ahead).argmin(axis=1)]
    a = np.cross(guides, ahead)
    a /= np.linalg.norm(a, axis=1, keepdims=True) + 1e-12
    b = np.cross(ahead, a)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)[None, :, None]
    rings = points[:, None] + radii * (np.cos(angle) * a[:, None] + np.sin(angle) * b[:, None])
    ends = [np.tile(points[i], (sides, 1)) for i in (0, -1)]
    return loft([ends[0], *rings, ends[1]], paint)


def bar(start: Point, end: Point, radius: float, paint: Paint, *, sides: int = 6) -> Model:
    """A straight tube, cut into cells short enough to be sorted."""
    a, b = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    steps = [a + (b - a) * t for t in np.linspace(0, 1, 7)]
    return tube([(p[0], p[1], p[2]) for p in steps], radius, paint, sides=sides)


def soft(
    centre: Point, radii: Point, paint: Paint, *, square: float = 0.5, detail: int = 11
) -> Model:
    """A cushion: a superellipsoid; `square` near 0 is a box, 1 an ellipsoid."""
    v = np.linspace(-np.pi / 2, np.pi / 2, detail)
    u = np.linspace(0, 2 * np.pi, 2 * detail, endpoint=False)

    def power(value: Floats) -> Floats:
        signed: Floats = np.sign(value) * np.abs(value) ** square
        return signed

    rings = []
    for angle in v:
        flat, up = float(power(np.cos(angle))), float(power(np.sin(angle)))
        shape = np.stack([flat * power(np.cos(u)), flat * power(np.sin(u)), np.full(len(u), up)], 1)
        rings.append(shape * np.asarray(radii) + np.asarray(centre))
    return loft(rings, paint)


def flat(points: Iterable[Point], paint: Paint, *, lift: float = 0.0) -> Model:
    """One polygon, anticlockwise as seen from its front."""
    return decals(Decal(np.asarray(list(points), dtype=float), paint, None, lift))


def picture(
    corners: Iterable[Point],
    image: Image.Image,
    *,
    gloss: float = 0.05,
    glow: float = 0.0,
    thin: bool = False,
    lift: float = 0.04,
) -> Model:
    """A picture between four corners: top left, top right, bottom right, bottom left."""
    paint = Paint((255, 255, 255), gloss=gloss, glow=glow, thin=thin)
    return decals(Decal(np.asarray(list(corners), dtype=float), paint, image, lift))


def prism(
    outline: Sequence[tuple[float, float]], depth: float, paint: Paint, *, side: Paint | None = None
) -> Model:
    """A plate cut to an outline in x and z (anticlockwise as seen from −y), from y = 0 back."""
    front = np.array([(x, 0.0, z) for x, z in outline])
    back = front + np.array([0, depth, 0])
    faces = decals(Decal(front, paint), Decal(back[::-1], paint))
    middle = (front + back) / 2
    return join(faces, loft([back, middle, front], side or paint))


def frame(
    x: tuple[float, float],
    z: tuple[float, float],
    y: float,
    width: float,
    paint: Paint,
    *,
    lift: float = 0.06,
) -> Model:
    """Four thin strips along the edges of a rectangle in the plane y, facing −y."""
    (x0, x1), (z0, z1) = x, z
    across, up = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
    parts = [
        patch((x0, y, z0), across * (x1 - x0), up * width, 4, 1),
        patch((x0, y, z1 - width), across * (x1 - x0), up * width, 4, 1),
        patch((x0, y, z0), across * width, up * (z1 - z0), 1, 4),
        patch((x1 - width, y, z0), across * width, up * (z1 - z0), 1, 4),
    ]
    return cells(np.concatenate(parts), paint, lift=lift)
