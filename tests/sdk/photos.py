"""The photos of the scenario, made as files in a folder."""

import hashlib
from pathlib import Path

from PIL import Image

from tests import pictures


def _exactly(photo: bytes, size: int) -> bytes:
    """A JPEG of this size: what follows its end is nobody's business."""
    return photo.ljust(size, b"\0")


def make_photos(folder: Path) -> dict[str, str]:
    """Write all files into a folder; return their SHA-256 under the names that the scenario has for them."""
    noise = pictures.noise_jpeg(quality=91)
    made = {
        "six.jpg": _exactly(noise, 6_000_000),
        "seven.jpg": _exactly(noise, 7_000_000),
        "phone.heic": pictures.heic([Image.new("RGB", (64, 48), pictures.GREEN)]),
        "small.png": pictures.png(),
        "note.txt": pictures.text(),
        "huge.png": pictures.png_header(50_000, 50_000),
        "broken.jpg": pictures.unknown_coding_jpeg(),
        "empty.jpg": b"",
        "big.jpg": _exactly(noise, 10 * 1024 * 1024 + 1),
    }
    for name, photo in made.items():
        (folder / name).write_bytes(photo)
    return {f"sha256 of {name}": hashlib.sha256(photo).hexdigest() for name, photo in made.items()}
