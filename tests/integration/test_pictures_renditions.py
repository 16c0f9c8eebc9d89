"""The renditions that generators get, of every kind of photo; real worker processes, real codecs."""

import os
from collections.abc import AsyncIterator

import pytest
from PIL import Image, ImageChops, ImageStat

from service.adapters.pictures import PicturePool
from service.domain.errors import UndecodableImage
from service.domain.model import MediaType, Rendition
from service.ports.outside import RenderedMedia
from tests import pictures as photos
from tests.odd_pictures import ODD_PICTURES, REFUSED_PICTURES, OddPicture
from tests.renditions import LONGEST, distance, photo_in, photo_size, quadrants

JPEG, PNG = MediaType.JPEG, MediaType.PNG
RENDITIONS = tuple(LONGEST)


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[PicturePool]:
    async with PicturePool.open() as running:
        yield running


def shown(media: RenderedMedia) -> dict[Rendition, Image.Image]:
    """The photo in each rendition, all of which are checked."""
    upright = (media.width, media.height)
    return {picture.rendition: photo_in(picture.rendition, picture.data, upright) for picture in media.pictures}


def mean_difference(found: Image.Image, expected: Image.Image) -> float:
    """Of all pixels and bands, 0 to 255."""
    return max(ImageStat.Stat(ImageChops.difference(found, expected)).mean)


@pytest.mark.parametrize("odd", ODD_PICTURES, ids=lambda odd: odd.name)
async def test_an_odd_picture_becomes_what_models_take(pool: PicturePool, odd: OddPicture) -> None:
    original = odd.make()
    for renditions in (RENDITIONS, *((rendition,) for rendition in RENDITIONS)):
        media = await pool.render(original, odd.media_type, renditions)
        assert (media.width, media.height) == odd.size
        assert tuple(picture.rendition for picture in media.pictures) == renditions
        for image in shown(media).values():
            assert distance(quadrants(image), odd.colours) <= odd.tolerance
        assert not any(photos.SECRET in picture.data for picture in media.pictures)


@pytest.mark.parametrize("odd", REFUSED_PICTURES, ids=lambda odd: odd.name)
async def test_what_cannot_be_decoded_is_refused(pool: PicturePool, odd: OddPicture) -> None:
    pids = pool.pids
    with pytest.raises(UndecodableImage):
        await pool.render(odd.make(), odd.media_type, RENDITIONS)
    assert pool.pids == pids, "a refusal costs no worker"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(640, 480), (2400, 1600)], ids=["whole", "shrunk"])
async def test_every_pixel_is_upright(pool: PicturePool, orientation: int, size: tuple[int, int]) -> None:
    media = await pool.render(photos.jpeg(*size, orientation), JPEG, RENDITIONS)
    for rendition, image in shown(media).items():
        expected = photos.marker(*photo_size(rendition, size))
        assert mean_difference(image, expected) < 1.5
        for turn in Image.Transpose:
            if (turned := expected.transpose(turn)).size == image.size:
                assert mean_difference(image, turned) > 20


@pytest.mark.parametrize(
    "size", [(1, 1), (3, 2), (1023, 1024), (1024, 1024), (1025, 7), (2048, 1), (2049, 3), (3000, 2999)]
)
async def test_nothing_is_enlarged(pool: PicturePool, size: tuple[int, int]) -> None:
    media = await pool.render(photos.saved(photos.marker(*size), "PNG"), PNG, RENDITIONS)
    assert (media.width, media.height) == size
    assert set(shown(media)) == set(RENDITIONS)


async def test_a_png_of_a_small_picture_is_the_picture(pool: PicturePool) -> None:
    """Byte by byte, as nothing was shrunk and nothing is lost."""
    original = Image.frombytes("RGB", (300, 200), os.urandom(300 * 200 * 3))
    media = await pool.render(photos.saved(original, "PNG"), PNG, (Rendition.PNG_1024, Rendition.PNG_SQUARE_1024))
    assert all(image.tobytes() == original.tobytes() for image in shown(media).values())


async def test_the_worst_noise_stays_within_the_bytes(pool: PicturePool) -> None:
    """Pixels without any order: no PNG of that size is larger."""
    original = Image.frombytes("RGB", (1024, 1024), os.urandom(1024 * 1024 * 3))
    media = await pool.render(photos.saved(original, "PNG"), PNG, RENDITIONS)
    assert all(image.tobytes() == original.tobytes() for image in list(shown(media).values())[::2])
    assert min(len(picture.data) for picture in media.pictures) > 1_000_000


async def test_a_jpeg_gets_worse_until_its_bytes_suffice(pool: PicturePool) -> None:
    original = Image.frombytes("RGB", (1850, 1850), os.urandom(1850 * 1850 * 3))
    photo = photos.saved(original, "PNG")
    media = await pool.render(photo, PNG, (Rendition.JPEG_2048,))
    assert shown(media)[Rendition.JPEG_2048].size == (1850, 1850)


async def test_several_renditions_are_one_decode(pool: PicturePool) -> None:
    """So that the PNGs show the same pixels."""
    photo = photos.noise_jpeg(1200, 900)
    together = await pool.render(photo, JPEG, tuple(Rendition))
    images = shown(RenderedMedia(together.width, together.height, together.pictures[1:]))
    assert mean_difference(images[Rendition.PNG_1024], images[Rendition.PNG_SQUARE_1024]) == 0


async def test_forty_megapixels_fit_into_the_memory(pool: PicturePool) -> None:
    """Interlaced, 16 bits and alpha, which takes the most: 320 MB, all at once."""
    pids = pool.pids
    media = await pool.render(photos.interlaced_png(7300, 5470, "RGBA"), PNG, tuple(Rendition))
    assert (media.width, media.height) == (7300, 5470)
    assert pool.pids == pids
