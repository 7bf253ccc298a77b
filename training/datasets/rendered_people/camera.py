"""What a surveillance camera makes of a scene: exposure, few pixels, blur, noise, JPEG."""

import io

import numpy as np
from PIL import Image, ImageFilter

from training.datasets.rendered_people.lighting import GAMMA
from training.datasets.rendered_people.sighting import Camera
from training.datasets.rendered_people.textures import Floats

_HAZE = (0.8, 0.85, 0.9)
_LEAST_JPEG = 95  # above this quality compression cannot be seen


def photograph(
    light: Floats, camera: Camera, size: tuple[int, int], rng: np.random.Generator
) -> Image.Image:
    """Return the RGB picture of linear light ``(h, w, 3)``, scaled to ``size`` at the end."""
    image = Image.fromarray(_develop(light, camera))
    width, height = image.size
    resample = (Image.Resampling.BOX, Image.Resampling.BILINEAR)[rng.integers(2)]
    if camera.height < height:
        columns = max(12, round(camera.height * width / height))
        image = image.resize((columns, camera.height), resample)
    if camera.blur > 0.2:
        image = image.filter(ImageFilter.GaussianBlur(camera.blur * image.size[1] / 192))
    if camera.noise > 0.5:
        image = _grain(image, camera.noise, rng)
    if camera.sharpened:
        image = image.filter(ImageFilter.UnsharpMask(1.2, 120, 0))
    subsampling = 2 if rng.random() < 0.7 else 0
    if camera.jpeg_quality < _LEAST_JPEG:
        image = _compress(image, camera.jpeg_quality, subsampling)
    enlarge = (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)[rng.integers(2)]
    return image.resize(size, enlarge)


def _develop(light: Floats, camera: Camera) -> Floats:
    """Return sRGB ``(h, w, 3)`` uint8: white balance, exposure, haze, tone curve, saturation."""
    white = np.array(camera.white_balance, np.float32) * np.float32(camera.exposure)
    haze = np.array(_HAZE, np.float32) * np.float32(camera.haze)
    exposed = np.clip(light * white + haze, 0, None)
    toned = exposed / (1 + camera.tone * exposed) * (1 + camera.tone)
    display = np.clip(toned, 0, 1) ** np.float32(1 / GAMMA)
    display = np.clip((display - 0.5) * camera.contrast + (0.5 + camera.brightness), 0, 1)
    grey = display.mean(-1, keepdims=True)
    display = np.clip(grey + (display - grey) * camera.saturation, 0, 1)
    return np.asarray((display * 255 + 0.5).astype(np.uint8))


def _grain(image: Image.Image, noise: float, rng: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image).astype(np.float32)
    pixels += noise * rng.standard_normal((*pixels.shape[:2], 1), np.float32)
    pixels += noise * 0.5 * rng.standard_normal(pixels.shape, np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _compress(image: Image.Image, quality: int, subsampling: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    with Image.open(buffer) as compressed:
        return compressed.convert("RGB")
