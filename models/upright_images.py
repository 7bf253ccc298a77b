"""From a Pillow image of any mode to an upright RGB one.

One conversion for crops read from files and for images handed to an encoder: the same picture
gives the same vector whichever way it comes.
"""

import struct

import numpy as np
from PIL import ExifTags, Image

_TURNS = {  # EXIF 2.32, 4.6.4 A, tag 274: how the stored picture was turned
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Where Pillow keeps how a picture was turned. Its copies inherit these from their originals.
_TELL_THE_TURN = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")
# What Pillow raises on an EXIF block that is none.
_BROKEN_EXIF = (SyntaxError, ValueError, TypeError, LookupError, OSError, struct.error)


def upright_rgb(image: Image.Image) -> Image.Image:
    """Return a copy as RGB: turned as its EXIF says, white where it is transparent.

    Of 16-bit greys (modes ``I;16`` and ``I``, which Pillow takes for one another) the upper 8
    bits are kept. Mode ``F`` counts from 0 to 255, as in Pillow. The copy says no more of a turn,
    so that it can be given to this function again.
    """
    image.load()  # broken pixels are an error, unlike the broken EXIF below
    turn = _turn(image)
    rgb = _rgb(image if turn is None else image.transpose(turn))
    for key in _TELL_THE_TURN:
        rgb.info.pop(key, None)
    return rgb


def _turn(image: Image.Image) -> Image.Transpose | None:
    # ImageOps.exif_transpose would also write the EXIF block anew, and fail where it is odd.
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except _BROKEN_EXIF:  # it says nothing of the picture, which may be whole
        return None


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _grey(image).convert("RGB")
    if image.has_transparency_data:
        # Premultiplied grey is the one mode that Pillow does not turn into RGBA at once.
        with_alpha = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    return image.convert("RGB")


def _grey(image: Image.Image) -> Image.Image:
    """Scale 16-bit greys, which Pillow's own conversion would clip at 255."""
    values = np.asarray(image).clip(0, 0xFFFF)
    grey = (values >> 8).astype(np.uint8)
    transparent = image.info.get("transparency")
    if transparent is not None:
        grey[values == transparent] = 0xFF
    return Image.fromarray(grey)
