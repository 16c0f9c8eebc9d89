"""What people wrote and what their photos show is nowhere in the files of Postgres, of the bucket and of the logs."""

import base64
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc
from meimage.v1 import reference_service_pb2 as rpc_references

from service.adapters.embedded import EmbeddedStores
from service.adapters.embedded.database import connect_as_superuser
from service.adapters.objects import S3Objects
from service.config import Settings
from service.settled import bucket_address
from tests import rules
from tests.conftest import Served
from tests.people import Person, face, refused
from tests.releases import studio, whole
from tests.tokens import Issuer

PIXELS = bytes(range(7, 255, 5)) * 4
"""A run that no picture of the other tests has."""


def forms(secret: bytes) -> Iterator[bytes]:
    """The bytes themselves, and how they would stand in hexadecimal, base64, JSON and UTF-16."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield secret.decode("latin-1").encode("utf-16-le")
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + secret)
        yield whole[4 if shift else 0 : len(whole) // 4 * 4 - 4]


def found_in(folder: Path, secrets: dict[str, bytes]) -> set[tuple[str, str]]:
    """Return which secret stands in which file below a folder."""
    patterns = [(name, form) for name, secret in secrets.items() for form in forms(secret)]
    found = set()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            found |= {(name, str(path.relative_to(folder))) for name, form in patterns if form in content}
    return found


def photo_with(run: bytes) -> bytes:
    """A PNG without filters or compression, in which the run stands as it is in every line (RFC 2083)."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", len(run) // 3, 40, 8, 2, 0, 0, 0)
    lines = (b"\0" + run[: len(run) // 3 * 3]) * 40
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 0)) + chunk(b"IEND", b"")
    content = b"\x89PNG\r\n\x1a\n" + body
    assert PIXELS[:90] in content
    return content


async def checkpoint(stores: EmbeddedStores) -> None:
    """Have Postgres write all that it holds in memory."""
    folder = parse_qs(urlsplit(stores.database_url).query)["host"][0]
    connection = await connect_as_superuser(Path(folder))
    await connection.execute("CHECKPOINT")
    await connection.close()


@pytest.fixture
def secrets() -> dict[str, bytes]:
    chance = os.urandom(8).hex()
    names = ("label", "tag", "filename", "other label", "purpose")
    texts = {name: f"canary {name} {chance}".encode() for name in names}
    return texts | {"pixels": PIXELS[:90]}


async def test_nothing_readable_is_on_disk(
    served: Served,
    issuer: Issuer,
    alice: Person,
    secrets: dict[str, bytes],
    stores: EmbeddedStores,
    settings: Settings,
    data_dir: Path,
) -> None:
    text = {name: secret.decode() for name, secret in secrets.items() if name != "pixels"}
    filename = f"{text['filename']}.png"
    new = face(text["label"], text["tag"], "second", slots=[pb.SLOT_AVATAR])
    request_id = "11111111-2222-4333-8444-555555555555"
    made = (await alice.upload(photo_with(PIXELS), new, filename=filename, request_id=request_id)).me_image
    await alice.create(made.media.media_id, face(text["other label"], text["tag"]), request_id=request_id[:-1] + "6")
    await alice.page(rpc.ListMeImagesRequest(view=pb.ME_IMAGE_VIEW_FULL))
    assert (await alice.download(made.me_image_id))[1] == photo_with(PIXELS)
    _, thumbnail = await alice.download(made.me_image_id, pb.RENDITION_WEBP_320)
    secrets["thumbnail"] = thumbnail[30:80]
    await rules.opt(alice, made.me_image_id, enabled=True)
    request = rpc_references.ReleaseReferencesRequest(
        user_id=alice.user_id, me_image_ids=[made.me_image_id], purpose=text["purpose"]
    )
    released = await whole(studio(served, issuer).messages(request))
    secrets["reference"] = released.images[0][60:110]
    digest = released.release.images[0].sha256
    secrets |= {"digest": bytes.fromhex(digest), "written digest": digest.encode()}
    await refused(alice.upload(b"\xff\xd8\xff" + secrets["label"], new, filename=filename))
    async with S3Objects.connect(bucket_address(settings), connections=1) as objects:
        control = os.urandom(40)
        await objects.put("tests/control", control)
    await checkpoint(stores)
    assert found_in(data_dir, secrets) == set()
    controls = {"user": alice.user_id.encode(), "object": control}
    assert {name for name, _ in found_in(data_dir, controls)} == {"user", "object"}, "the search finds what is there"
    assert {path.split("/")[0] for _, path in found_in(data_dir, controls)} >= {"postgres", "objects"}


async def test_logs_are_searched_too(data_dir: Path) -> None:
    assert {path.name for path in (data_dir / "logs").iterdir()} >= {"postgres.log", "s3.log"}


def test_the_search_knows_every_form() -> None:
    secret = b"canary of 24 characters!"
    for hidden in (secret, secret.hex().encode(), *(base64.b64encode(b"x" * n + secret + b"yz") for n in range(5))):
        assert any(form in b"..." + hidden + b"..." for form in forms(secret)), hidden
