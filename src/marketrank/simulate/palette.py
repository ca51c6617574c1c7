"""Colours and materials by the names that sellers use."""

from marketrank.simulate.mesh import RGB

COLOURS: dict[str, RGB] = {
    "black": (38, 38, 41),
    "white": (243, 243, 241),
    "grey": (134, 138, 142),
    "dark grey": (84, 86, 90),
    "silver": (190, 192, 196),
    "navy": (36, 48, 86),
    "blue": (44, 92, 168),
    "light blue": (136, 176, 210),
    "teal": (30, 118, 122),
    "turquoise": (64, 170, 178),
    "green": (52, 118, 72),
    "dark green": (32, 70, 50),
    "sage": (150, 166, 140),
    "lime": (150, 196, 60),
    "khaki": (124, 118, 84),
    "yellow": (236, 200, 60),
    "mustard": (204, 156, 48),
    "gold": (206, 168, 84),
    "orange": (230, 122, 44),
    "red": (190, 42, 40),
    "burgundy": (110, 32, 46),
    "pink": (226, 142, 162),
    "pale pink": (236, 200, 200),
    "purple": (112, 66, 138),
    "lilac": (188, 168, 208),
    "brown": (110, 74, 52),
    "dark brown": (70, 46, 34),
    "tan": (182, 132, 88),
    "cream": (238, 228, 204),
    "beige": (210, 194, 168),
    "ivory": (246, 240, 226),
    "rose gold": (216, 168, 152),
    "copper": (186, 112, 74),
    "duck egg blue": (184, 208, 204),
    "charcoal": (64, 66, 70),
    "denim blue": (76, 98, 136),
    "coral": (232, 118, 100),
    "terracotta": (188, 104, 74),
    "natural": (206, 172, 126),
    "multi-coloured": (206, 110, 90),
    "space grey": (98, 100, 106),
    "stone": (188, 180, 166),
}
WOODS: dict[str, RGB] = {
    "oak": (190, 140, 88),
    "pine": (222, 178, 118),
    "walnut": (108, 72, 48),
    "mahogany": (112, 52, 36),
    "beech": (216, 172, 124),
    "teak": (158, 104, 60),
    "dark wood": (76, 50, 36),
    "rustic wood": (150, 108, 70),
    "rattan": (182, 140, 92),
}
METALS: dict[str, RGB] = {
    "steel": (186, 188, 192),
    "brass": (196, 156, 80),
    "gold": (212, 170, 80),
    "silver": (206, 208, 212),
}


def looks(material: str, colour: str) -> tuple[RGB, str, str]:
    """The RGB to draw a thing in, the material of `shapes.style`, and the colour's own name.

    Woods and metals have the colour of their material; anything else has the one asked for.
    """
    if material == "painted":
        return COLOURS[colour], material, colour
    if material in WOODS:
        return WOODS[material], "rattan" if material == "rattan" else "wood", material
    if material in METALS:
        return METALS[material], material, material
    return COLOURS[colour], material, colour
