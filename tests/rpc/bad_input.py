"""The table of bad input: what is sent, and the one answer that it gets."""

from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass

from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import pictures
from tests.people import CHUNK, Person, face, upload_messages

MIB = 1024 * 1024
UUID = "11111111-2222-3333-4444-555555555555"
ILL_UUIDS = ("", "7", UUID[:-1], UUID.replace("-", ""), f"{{{UUID}}}", f"{UUID}\n")


@dataclass(frozen=True)
class Bad:
    """One bad request, made for a person who owns a me-image."""

    call: Callable[[Person, pb.MeImage], Awaitable[object] | AsyncIterable[object]]
    reason: str
    fields: tuple[str, ...] = ()
    code: str = "INVALID_ARGUMENT"


def messages(*parts: rpc.UploadHeader | bytes | None) -> list[rpc.UploadMeImageRequest]:
    """Return upload messages: headers, chunks, and for None a message without either."""
    made = []
    for part in parts:
        if isinstance(part, bytes):
            made.append(rpc.UploadMeImageRequest(chunk=part))
        else:
            made.append(rpc.UploadMeImageRequest(header=part) if part else rpc.UploadMeImageRequest())
    return made


def sent(*parts: str | bytes | None) -> Callable[[Person, pb.MeImage], Awaitable[object]]:
    """Send these parts in this order; a text stands for a proper header."""

    def call(person: Person, _: pb.MeImage) -> Awaitable[object]:
        header = rpc.UploadHeader(user_id=person.user_id, new_me_image=face())
        return person.send(messages(*(header if isinstance(part, str) else part for part in parts)))

    return call


def photo(content: bytes, **header: object) -> Callable[[Person, pb.MeImage], Awaitable[object]]:
    """Upload these bytes properly, under a header with these fields."""

    def call(person: Person, _: pb.MeImage) -> Awaitable[object]:
        fields = {"filename": "me.jpg", "new_me_image": face()} | header
        made = rpc.UploadHeader(user_id=person.user_id, **fields)  # type: ignore[arg-type] # each row names its fields
        return person.send(upload_messages(made, content))

    return call


def create(new: pb.NewMeImage | None, **fields: object) -> Callable[[Person, pb.MeImage], Awaitable[object]]:
    """Create a me-image of the person's media."""

    def call(person: Person, owned: pb.MeImage) -> Awaitable[object]:
        asked = {"media_id": owned.media.media_id, "new_me_image": new} | fields
        request = rpc.CreateMeImageRequest(user_id=person.user_id, **asked)  # type: ignore[arg-type]
        return person.stub.CreateMeImage(request, metadata=person.metadata)

    return call


def get(**fields: object) -> Callable[[Person, pb.MeImage], Awaitable[object]]:
    """Get a me-image."""

    def call(person: Person, _: pb.MeImage) -> Awaitable[object]:
        request = rpc.GetMeImageRequest(user_id=person.user_id, **fields)  # type: ignore[arg-type]
        return person.stub.GetMeImage(request, metadata=person.metadata)

    return call


def listed(**fields: object) -> Callable[[Person, pb.MeImage], Awaitable[object]]:
    """List me-images."""

    def call(person: Person, _: pb.MeImage) -> Awaitable[object]:
        return person.page(rpc.ListMeImagesRequest(**fields))  # type: ignore[arg-type]

    return call


def download(**fields: object) -> Callable[[Person, pb.MeImage], AsyncIterable[object]]:
    """Download the person's me-image, in a way that differs in these fields."""

    def call(person: Person, owned: pb.MeImage) -> AsyncIterable[object]:
        asked = {"me_image_id": owned.me_image_id} | fields
        request = rpc.DownloadMeImageRequest(user_id=person.user_id, **asked)  # type: ignore[arg-type]
        return person.stub.DownloadMeImage(request, metadata=person.metadata)

    return call


JPEG = pictures.jpeg(80, 60)
GOOD_BUT = pb.NewMeImage(kind=pb.KIND_FACE)
UNKNOWN_KIND = pb.Kind.ValueType(99)

UPLOADS = {
    "chunk before header": Bad(sent(JPEG), "UPLOAD_OUT_OF_ORDER"),
    "two headers": Bad(sent("header", "header"), "UPLOAD_OUT_OF_ORDER"),
    "header after chunk": Bad(sent("header", JPEG, "header"), "UPLOAD_OUT_OF_ORDER"),
    "empty message first": Bad(sent(None, JPEG), "UPLOAD_OUT_OF_ORDER"),
    "empty message among chunks": Bad(sent("header", JPEG, None), "UPLOAD_OUT_OF_ORDER"),
    "empty chunk": Bad(sent("header", b"", JPEG), "UPLOAD_OUT_OF_ORDER"),
    "chunk over 1 MiB": Bad(sent("header", bytes(MIB + 1)), "UPLOAD_OUT_OF_ORDER"),
    "no message": Bad(sent(), "UPLOAD_OUT_OF_ORDER"),
    "no chunk": Bad(sent("header"), "UPLOAD_EMPTY"),
    # No further: grpcio's client loses the refusal now and then while it is still sending.
    "one chunk over 10 MiB": Bad(photo(JPEG + bytes(10 * MIB + CHUNK - len(JPEG))), "IMAGE_TOO_LARGE"),
    "1 byte over 10 MiB": Bad(photo(JPEG + bytes(10 * MIB + 1 - len(JPEG))), "IMAGE_TOO_LARGE"),
    "announced 1 byte over 10 MiB": Bad(photo(JPEG, size_bytes=10 * MIB + 1), "IMAGE_TOO_LARGE"),
    "announced 2 GiB": Bad(photo(JPEG, size_bytes=2**31 - 1), "IMAGE_TOO_LARGE"),
    "other sha256": Bad(photo(JPEG, sha256="0" * 64), "DIGEST_MISMATCH"),
    "fewer bytes": Bad(photo(JPEG, size_bytes=len(JPEG) + 1), "DIGEST_MISMATCH"),
    "more bytes": Bad(photo(JPEG, size_bytes=1), "DIGEST_MISMATCH"),
    "text called .jpg": Bad(photo(pictures.text()), "UNSUPPORTED_MEDIA_TYPE"),
    "svg": Bad(photo(pictures.svg(), filename="me.png"), "UNSUPPORTED_MEDIA_TYPE"),
    "one byte": Bad(photo(b"\xff"), "UNSUPPORTED_MEDIA_TYPE"),
    "animated gif": Bad(photo(pictures.animated("GIF")), "UNSUPPORTED_MEDIA_TYPE"),
    "animated webp": Bad(photo(pictures.animated("WEBP")), "UNSUPPORTED_MEDIA_TYPE"),
    "truncated jpeg": Bad(photo(JPEG[: len(JPEG) * 2 // 3]), "UNDECODABLE_IMAGE"),
    "jpeg of 3 bytes": Bad(photo(b"\xff\xd8\xff"), "UNDECODABLE_IMAGE"),
    "png 50,000 x 50,000": Bad(photo(pictures.png_header(50_000, 50_000)), "TOO_MANY_PIXELS"),
    "png 16,385 wide": Bad(photo(pictures.png_header(16_385, 1)), "TOO_MANY_PIXELS"),
    "sha256 in upper case": Bad(photo(JPEG, sha256="A" * 64), "INVALID_FIELDS", ("sha256",)),
    "sha256 empty": Bad(photo(JPEG, sha256=""), "INVALID_FIELDS", ("sha256",)),
    "size_bytes 0": Bad(photo(JPEG, size_bytes=0), "INVALID_FIELDS", ("size_bytes",)),
    "size_bytes -1": Bad(photo(JPEG, size_bytes=-1), "INVALID_FIELDS", ("size_bytes",)),
    "filename of 256": Bad(photo(JPEG, filename="x" * 256), "INVALID_FIELDS", ("filename",)),
    "request_id": Bad(photo(JPEG, request_id="7"), "INVALID_FIELDS", ("request_id",)),
    "kind unspecified": Bad(photo(JPEG, new_me_image=pb.NewMeImage()), "INVALID_FIELDS", ("new_me_image.kind",)),
    "several at once": Bad(
        photo(JPEG, sha256="x", request_id="x", new_me_image=pb.NewMeImage(kind=UNKNOWN_KIND, tags=[""])),
        "INVALID_FIELDS",
        ("sha256", "request_id", "new_me_image.kind", "new_me_image.tags[0]"),
    ),
}
CREATIONS = {
    "kind unspecified": Bad(create(pb.NewMeImage()), "INVALID_FIELDS", ("new_me_image.kind",)),
    "kind unknown": Bad(create(pb.NewMeImage(kind=UNKNOWN_KIND)), "INVALID_FIELDS", ("new_me_image.kind",)),
    "no new_me_image": Bad(create(None), "INVALID_FIELDS", ("new_me_image.kind",)),
    "label of 201": Bad(create(face("ä" * 201)), "INVALID_FIELDS", ("new_me_image.label",)),
    "33 tags": Bad(create(face("", *map(str, range(33)))), "INVALID_FIELDS", ("new_me_image.tags",)),
    "tag of 65": Bad(create(face("", "x" * 65)), "INVALID_FIELDS", ("new_me_image.tags[0]",)),
    "empty tag": Bad(create(face("", "x", "")), "INVALID_FIELDS", ("new_me_image.tags[1]",)),
    "slot unspecified": Bad(
        create(face(slots=[pb.SLOT_UNSPECIFIED])), "INVALID_FIELDS", ("new_me_image.claim_slots[0]",)
    ),
    "slot unknown": Bad(create(face(slots=[pb.Slot.ValueType(9)])), "INVALID_FIELDS", ("new_me_image.claim_slots[0]",)),
    "request_id": Bad(create(face(), request_id="7"), "INVALID_FIELDS", ("request_id",)),
    "media_id unknown": Bad(create(face(), media_id=UUID), "MEDIA_NOT_FOUND", code="NOT_FOUND"),
    "20 violations at most": Bad(
        create(face("", *([""] * 32))), "INVALID_FIELDS", tuple(f"new_me_image.tags[{n}]" for n in range(20))
    ),
} | {f"media_id {ill!r}": Bad(create(face(), media_id=ill), "INVALID_FIELDS", ("media_id",)) for ill in ILL_UUIDS}
READS = {
    "unknown me_image_id": Bad(get(me_image_id=UUID), "ME_IMAGE_NOT_FOUND", code="NOT_FOUND"),
    "download unknown me_image_id": Bad(download(me_image_id=UUID), "ME_IMAGE_NOT_FOUND", code="NOT_FOUND"),
    "download ill me_image_id": Bad(download(me_image_id="7"), "INVALID_FIELDS", ("me_image_id",)),
    "download unknown rendition": Bad(download(rendition=pb.Rendition.ValueType(9)), "INVALID_FIELDS", ("rendition",)),
    "page_size -1": Bad(listed(page_size=-1), "INVALID_FIELDS", ("page_size",)),
    "page_size 201": Bad(listed(page_size=201), "INVALID_FIELDS", ("page_size",)),
    "page_size 51 with thumbnails": Bad(
        listed(page_size=51, view=pb.ME_IMAGE_VIEW_FULL), "INVALID_FIELDS", ("page_size",)
    ),
    "unknown view": Bad(listed(view=pb.MeImageView.ValueType(9)), "INVALID_FIELDS", ("view",)),
    "kinds unspecified": Bad(listed(kinds=[pb.KIND_FACE, pb.KIND_UNSPECIFIED]), "INVALID_FIELDS", ("kinds[1]",)),
    "kinds unknown": Bad(listed(kinds=[UNKNOWN_KIND]), "INVALID_FIELDS", ("kinds[0]",)),
    "page token of nobody": Bad(listed(page_token="of nobody"), "INVALID_PAGE_TOKEN"),  # noqa: S106 # no password
    "page token in letters of elsewhere": Bad(listed(page_token="ä" * 48), "INVALID_PAGE_TOKEN"),
    "page token of zeros": Bad(listed(page_token="A" * 48), "INVALID_PAGE_TOKEN"),
} | {f"me_image_id {ill!r}": Bad(get(me_image_id=ill), "INVALID_FIELDS", ("me_image_id",)) for ill in ILL_UUIDS}
