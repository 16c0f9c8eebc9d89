"""What the decoder makes of photos of every kind; real worker processes, real codecs."""

import io
import struct
from collections.abc import AsyncIterator, Callable, Iterable

import pytest
import pyvips
from PIL import Image, ImageCms

from service.adapters.pictures import PicturePool
from service.adapters.pictures_encode import encode
from service.adapters.pictures_specs import SPECS, RenditionSpec
from service.domain.errors import ImageTooLarge, MeImageError, TooManyPixels, UndecodableImage, UnsupportedMediaType
from service.domain.limits import MAX_PHOTO_BYTES
from service.domain.model import THUMBNAIL, MediaType
from service.ports.outside import RenderedMedia
from tests import pictures as photos
from tests.pictures import Colour
from tests.renditions import distance, quadrants

AVIF, HEIC, JPEG, PNG, WEBP = MediaType.AVIF, MediaType.HEIC, MediaType.JPEG, MediaType.PNG, MediaType.WEBP
GREYS = tuple((grey, grey, grey) for grey in photos.marker(2, 2).convert("L").tobytes())
WHITE = (255, 255, 255)
RIGHT_HALF = (WHITE, photos.GREEN, WHITE, photos.YELLOW)


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[PicturePool]:
    async with PicturePool.open() as running:
        yield running


def thumbnail_of(media: RenderedMedia) -> bytes:
    (picture,) = media.pictures
    assert (picture.rendition, picture.content_type) == (THUMBNAIL, WEBP)
    return picture.data


def shown(data: bytes) -> tuple[Colour, ...]:
    """The colours in the middle of the four quadrants."""
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "RGB"
        return quadrants(image)


def riff_chunks(data: bytes) -> list[bytes]:
    """The chunk names of a WebP file (RFC 9649)."""
    assert data[:4] == b"RIFF"
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    names, at = [], 12
    while at < len(data):
        size = struct.unpack("<I", data[at + 4 : at + 8])[0]
        names.append(data[at : at + 4])
        at += 8 + size + size % 2
    return names


@pytest.mark.parametrize("size", [(64, 48), (1000, 750)], ids=["whole", "shrunk-on-load"])
@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_jpeg_is_turned_upright(pool: PicturePool, orientation: int, size: tuple[int, int]) -> None:
    media = await pool.render(photos.jpeg(*size, orientation), JPEG, [THUMBNAIL])
    assert (media.width, media.height) == size
    assert (media.pictures[0].width, media.pictures[0].height) == ((64, 48) if size == (64, 48) else (320, 240))
    assert distance(shown(thumbnail_of(media)), photos.QUADRANTS) < 12


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_heic_is_turned_once_although_exif_says_it_again(pool: PicturePool, orientation: int) -> None:
    photo = photos.turned_heic(orientation)
    assert (b"irot" in photo or b"imir" in photo) == (orientation != 1)
    media = await pool.render(photo, HEIC, [THUMBNAIL])
    assert (media.width, media.height) == (64, 48)
    assert distance(shown(thumbnail_of(media)), photos.QUADRANTS) < 12


async def test_exif_alone_does_not_turn_a_heic(pool: PicturePool) -> None:
    photo = photos.heic_turned_by_exif_alone()
    assert photos.exif(6)[6:] in photo
    media = await pool.render(photo, HEIC, [THUMBNAIL])
    assert (media.width, media.height) == (64, 48)
    assert distance(shown(thumbnail_of(media)), photos.QUADRANTS) < 12


@pytest.mark.parametrize(
    ("photo", "media_type", "expected", "tolerance"),
    [
        pytest.param(lambda: photos.jpeg(progressive=True), JPEG, photos.QUADRANTS, 12, id="progressive"),
        pytest.param(photos.cmyk_jpeg, JPEG, photos.QUADRANTS, 70, id="cmyk"),
        pytest.param(lambda: photos.jpeg() + b"motion", JPEG, photos.QUADRANTS, 12, id="something-behind"),
        pytest.param(lambda: photos.png("P"), PNG, photos.QUADRANTS, 12, id="palette"),
        pytest.param(lambda: photos.png("L"), PNG, GREYS, 4, id="grey"),
        pytest.param(lambda: photos.deep_png(3), PNG, photos.QUADRANTS, 12, id="16-bit"),
        pytest.param(lambda: photos.deep_png(1), PNG, GREYS, 4, id="16-bit-grey"),
        pytest.param(photos.interlaced_png, PNG, photos.QUADRANTS, 12, id="interlaced"),
        pytest.param(lambda: photos.interlaced_png(mode="RGBA"), PNG, photos.QUADRANTS, 12, id="16-bit-alpha"),
        pytest.param(lambda: photos.animated("PNG"), PNG, photos.QUADRANTS, 12, id="apng"),
        pytest.param(photos.transparent_png, PNG, RIGHT_HALF, 12, id="alpha"),
        pytest.param(lambda: photos.transparent_png("LA"), PNG, (WHITE, GREYS[1], WHITE, GREYS[3]), 4, id="grey-alpha"),
        pytest.param(photos.webp, WEBP, photos.QUADRANTS, 12, id="webp"),
        pytest.param(lambda: photos.webp(6), WEBP, photos.QUADRANTS, 12, id="webp-turned"),
        pytest.param(photos.avif, AVIF, photos.QUADRANTS, 12, id="avif"),
        pytest.param(lambda: photos.avif(orientation=6), AVIF, photos.QUADRANTS, 12, id="avif-turned"),
        pytest.param(lambda: photos.heic([photos.marker(64, 48).convert("L")]), HEIC, GREYS, 4, id="heic-grey"),
        pytest.param(photos.transparent_heic, HEIC, RIGHT_HALF, 12, id="heic-alpha"),
    ],
)
async def test_every_kind_of_pixel_becomes_srgb(
    pool: PicturePool, photo: Callable[[], bytes], media_type: MediaType, expected: Iterable[Colour], tolerance: int
) -> None:
    media = await pool.render(photo(), media_type, [THUMBNAIL])
    assert (media.width, media.height) == (64, 48)
    assert distance(shown(thumbnail_of(media)), expected) < tolerance
    assert set(riff_chunks(thumbnail_of(media))) <= {b"VP8 ", b"VP8L"}


@pytest.mark.parametrize(
    ("photo", "media_type"),
    [
        (photos.jpeg, JPEG),
        (photos.png, PNG),
        (photos.webp, WEBP),
        (photos.avif, AVIF),
        (photos.heic_with_profile, HEIC),
    ],
    ids=["jpeg", "png", "webp", "avif", "heic"],
)
async def test_display_p3_is_converted(pool: PicturePool, photo: Callable[..., bytes], media_type: MediaType) -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(photos.display_p3()))
    converted = ImageCms.profileToProfile(photos.marker(4, 4), profile, ImageCms.createProfile("sRGB"))
    assert converted is not None
    expected = shown(photos.saved(converted, "PNG"))
    assert distance(expected, photos.QUADRANTS) > 20
    media = await pool.render(photo(icc_profile=photos.display_p3()), media_type, [THUMBNAIL])
    assert distance(shown(thumbnail_of(media)), expected) < 12


@pytest.mark.parametrize(
    ("photo", "media_type"),
    [
        (photos.jpeg, JPEG),
        (photos.png, PNG),
        (photos.webp, WEBP),
        (photos.avif, AVIF),
        (photos.heic_with_profile, HEIC),
    ],
    ids=["jpeg", "png", "webp", "avif", "heic"],
)
@pytest.mark.parametrize("profile", [b"junk" * 50, photos.display_p3()[:200], photos.display_p3()[:128]])
async def test_a_broken_profile_is_ignored(
    pool: PicturePool, photo: Callable[..., bytes], media_type: MediaType, profile: bytes
) -> None:
    media = await pool.render(photo(icc_profile=profile), media_type, [THUMBNAIL])
    assert distance(shown(thumbnail_of(media)), photos.QUADRANTS) < 12


@pytest.mark.parametrize(
    ("photo", "media_type"),
    [
        (lambda: photos.jpeg(orientation=6, icc_profile=photos.display_p3()), JPEG),
        (lambda: photos.webp(icc_profile=photos.display_p3()), WEBP),
        (lambda: photos.png(exif=photos.exif(1), icc_profile=photos.display_p3()), PNG),
        (lambda: photos.turned_heic(6), HEIC),
        (photos.avif, AVIF),
    ],
    ids=["jpeg", "webp", "png", "heic", "avif"],
)
async def test_no_metadata_gets_through(pool: PicturePool, photo: Callable[[], bytes], media_type: MediaType) -> None:
    original = photo()
    assert photos.SECRET in original
    thumbnail = thumbnail_of(await pool.render(original, media_type, [THUMBNAIL]))
    assert riff_chunks(thumbnail) == [b"VP8 "]
    assert photos.SECRET not in thumbnail


async def test_the_primary_image_of_a_heic_is_the_photo(pool: PicturePool) -> None:
    other = photos.marker(128, 128).transpose(Image.Transpose.ROTATE_180)
    media = await pool.render(photos.heic([other, photos.marker(64, 48)], 1), HEIC, [THUMBNAIL])
    assert (media.width, media.height) == (64, 48)
    assert distance(shown(thumbnail_of(media)), photos.QUADRANTS) < 12


async def test_a_thumbnail_within_a_heic_changes_nothing(pool: PicturePool) -> None:
    photo = photos.heic([photos.marker(640, 480)], thumbnails=[64])
    assert b"thmb" in photo
    media = await pool.render(photo, HEIC, [THUMBNAIL])
    assert (media.width, media.height, media.pictures[0].width) == (640, 480, 320)


@pytest.mark.parametrize(
    ("photo", "media_type", "refusal"),
    [
        pytest.param(lambda: photos.png_header(50_000, 50_000), PNG, TooManyPixels, id="bomb"),
        pytest.param(lambda: photos.png_header(16_385, 1), PNG, TooManyPixels, id="too-wide"),
        pytest.param(lambda: photos.png_header(8_000, 5_001), PNG, TooManyPixels, id="too-many-pixels"),
        pytest.param(lambda: photos.png_header(8_000, 5_000), PNG, UndecodableImage, id="header-without-pixels"),
        pytest.param(lambda: photos.animated("WEBP"), WEBP, UnsupportedMediaType, id="animated-webp"),
        pytest.param(photos.avif_sequence_called_still, AVIF, UnsupportedMediaType, id="avif-sequence"),
        pytest.param(photos.unknown_coding_jpeg, JPEG, UndecodableImage, id="unknown-coding"),
        pytest.param(photos.svg, JPEG, UndecodableImage, id="svg"),
        pytest.param(photos.svg, PNG, UndecodableImage, id="svg-as-png"),
        pytest.param(photos.text, WEBP, UndecodableImage, id="text"),
        pytest.param(lambda: photos.animated("GIF"), PNG, UndecodableImage, id="gif"),
        pytest.param(photos.png, JPEG, UndecodableImage, id="png-as-jpeg"),
        pytest.param(lambda: photos.turned_heic(1), AVIF, UndecodableImage, id="heic-as-avif"),
        pytest.param(photos.avif, HEIC, UndecodableImage, id="avif-as-heic"),
        pytest.param(bytes, JPEG, UndecodableImage, id="empty"),
        pytest.param(lambda: bytes(MAX_PHOTO_BYTES + 1), JPEG, ImageTooLarge, id="too-large"),
    ],
)
async def test_what_is_no_photo_is_refused(
    pool: PicturePool, photo: Callable[[], bytes], media_type: MediaType, refusal: type[MeImageError]
) -> None:
    pids = pool.pids
    with pytest.raises(refusal):
        await pool.render(photo(), media_type, [THUMBNAIL])
    assert pool.pids == pids, "a refusal costs no worker"


@pytest.mark.parametrize("missing", [2, 20, 200])
@pytest.mark.parametrize(
    ("photo", "media_type"),
    [
        (photos.jpeg, JPEG),
        (lambda: photos.jpeg(2000, 1500), JPEG),
        (lambda: photos.jpeg(progressive=True), JPEG),
        (lambda: photos.png("L"), PNG),
        (photos.webp, WEBP),
        (photos.avif, AVIF),
        (lambda: photos.turned_heic(1), HEIC),
    ],
    ids=["jpeg", "shrunk-jpeg", "progressive-jpeg", "png", "webp", "avif", "heic"],
)
async def test_a_cut_photo_is_refused(
    pool: PicturePool, photo: Callable[[], bytes], media_type: MediaType, missing: int
) -> None:
    whole = photo()
    with pytest.raises(UndecodableImage):
        await pool.render(whole[:-missing], media_type, [THUMBNAIL])
    assert (await pool.render(whole, media_type, [THUMBNAIL])).pictures


async def test_a_scratch_in_a_jpeg_is_accepted(pool: PicturePool) -> None:
    whole = photos.noise_jpeg(800, 600)
    middle = len(whole) // 2
    media = await pool.render(whole[:middle] + bytes(20) + whole[middle + 20 :], JPEG, [THUMBNAIL])
    assert (media.width, media.height) == (800, 600)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((3000, 1), (320, 1)), ((1, 3000), (1, 320)), ((320, 240), (320, 240)), ((321, 240), (320, 239))],
)
async def test_the_longest_side_is_320(pool: PicturePool, size: tuple[int, int], expected: tuple[int, int]) -> None:
    media = await pool.render(photos.saved(photos.marker(*size), "PNG"), PNG, [THUMBNAIL])
    assert (media.width, media.height) == size
    assert (media.pictures[0].width, media.pictures[0].height) == expected


async def test_without_renditions_the_size_alone_is_told(pool: PicturePool) -> None:
    whole = photos.jpeg(640, 480, 6)
    assert await pool.render(whole, JPEG, []) == RenderedMedia(640, 480, ())
    with pytest.raises(UndecodableImage):
        await pool.render(whole[:-20], JPEG, [])


async def test_the_thumbnail_of_noise_stays_within_its_bytes(pool: PicturePool) -> None:
    noise = Image.effect_noise((320, 320), 200)
    coloured = Image.merge("RGB", [noise, noise.transpose(Image.Transpose.ROTATE_90), noise.rotate(180)])
    media = await pool.render(photos.saved(coloured, "PNG"), PNG, [THUMBNAIL])
    assert 10_000 < len(thumbnail_of(media)) <= SPECS[THUMBNAIL].max_bytes


def test_quality_gives_way_until_the_bytes_suffice() -> None:
    photo = photos.noise_jpeg(640, 480)
    image = pyvips.Image.jpegload_buffer(photo)
    good = encode(image, RenditionSpec(WEBP, 640, (80,), 1 << 20))
    less = encode(image, RenditionSpec(WEBP, 640, (80, 40), len(good) - 1))
    assert 0 < len(less) < len(good)
    with pytest.raises(UndecodableImage):
        encode(image, RenditionSpec(WEBP, 640, (80, 40), 100))
