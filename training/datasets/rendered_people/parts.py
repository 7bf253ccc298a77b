"""What a pixel of a figure shows."""

from enum import IntEnum


class Part(IntEnum):
    """A part of a figure, as counted to tell what a picture shows."""

    BACKGROUND = 0
    SKIN = 1
    FACE = 2
    HAIR = 3
    ARM = 4
    LEG = 5
    UPPER = 6
    SLEEVE = 7
    INNER = 8
    LOWER = 9
    SHOE = 10
    BAG = 11
    STRAP = 12
    HEADWEAR = 13
    SCARF = 14
    CARRIED = 15
    GLASSES = 16
    MASK = 17
    OTHER = 18
