"""Photos for uploads: as large as wanted, and never twice the same bytes, which the service would not store again."""

import uuid

import pyvips

from tests.pictures import noise_jpeg

_START = b"\xff\xd8"
_LONGEST_COMMENT = 0xFFFF - 2
NONCE_BYTES = 4 + 16
"""What ``varied_start`` adds."""


def five_megabytes() -> bytes:
    """A JPEG of 12 megapixels and about 5 MB, sharp to the last pixel: what a phone makes."""
    return noise_jpeg(4000, 3000, 90)


def soft_photo() -> bytes:
    """A JPEG of 12 megapixels and about 4 MB as cameras make them: large shapes, texture and grain.

    Shrunk, it has the size of a photo as a PNG, which pure noise has not.
    """
    shapes = [_noise(17, 13, 60, seed).resize(256, kernel="linear") for seed in range(3)]
    texture = _noise(501, 376, 6, 3).resize(8, kernel="linear")
    picture = shapes[0].bandjoin(shapes[1:]).crop(0, 0, 4000, 3000) + texture.crop(0, 0, 4000, 3000)
    picture = picture + _noise(4000, 3000, 8, 4) + 128
    data: bytes = picture.cast("uchar").copy(interpretation="srgb").jpegsave_buffer(Q=90, keep="none")
    return data


def ten_mebibytes() -> bytes:
    """A JPEG of 11 megapixels that has exactly 10 MiB once it was varied: nearly all of it picture."""
    photo = noise_jpeg(3900, 2900, 97)
    return padded(photo, 10 * 1024 * 1024 - NONCE_BYTES)


def padded(photo: bytes, size: int) -> bytes:
    """Return a JPEG with as many comments as make it ``size`` bytes long. Raises ValueError where it is too long."""
    missing = size - len(photo)
    if missing < 0 or 0 < missing < 4:
        raise ValueError(f"a photo of {len(photo)} bytes cannot become one of {size}")
    comments = []
    while missing:
        length = min(missing - 4, _LONGEST_COMMENT)
        if 0 < missing - 4 - length < 4:
            length -= 4
        comments.append(_comment(bytes(length)))
        missing -= 4 + length
    return _START + b"".join(comments) + photo[2:]


def varied_start() -> bytes:
    """Return what, in place of the first two bytes of a JPEG, makes it another one: a comment that nobody else has."""
    return _START + _comment(uuid.uuid4().bytes)


def varied(photo: bytes) -> bytes:
    """Return the same picture in other bytes."""
    return varied_start() + photo[2:]


def _noise(width: int, height: int, sigma: int, seed: int) -> pyvips.Image:
    return pyvips.Image.gaussnoise(width, height, mean=0, sigma=sigma, seed=seed)


def _comment(text: bytes) -> bytes:
    """A COM segment (ITU-T T.81, B.2.4.5), whose length counts itself."""
    return b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
