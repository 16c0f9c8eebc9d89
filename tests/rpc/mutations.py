"""Every mutation of the pool as a function, for tests that go through all of them."""

from collections.abc import Awaitable, Callable

from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import rules
from tests.people import Person, face

Checked = Callable[[Person, pb.MeImage, str | None, str], Awaitable[object]]
"""Who, which me-image, the etag and the request_id."""


def _update(who: Person, of: pb.MeImage, etag: str | None, request_id: str) -> Awaitable[object]:
    changes = rpc.MeImageChanges(label="changed", tags=["changed"])
    return rules.update(who, of.me_image_id, changes, "label", "tags", etag=etag, request_id=request_id)


def _opt_in(who: Person, of: pb.MeImage, etag: str | None, request_id: str) -> Awaitable[object]:
    return rules.opt(who, of.me_image_id, enabled=True, etag=etag, request_id=request_id)


def _claim(who: Person, of: pb.MeImage, etag: str | None, request_id: str) -> Awaitable[object]:
    return rules.claim(who, of.me_image_id, pb.SLOT_AVATAR, etag=etag, request_id=request_id)


def _delete(who: Person, of: pb.MeImage, etag: str | None, request_id: str) -> Awaitable[object]:
    return rules.delete(who, of.me_image_id, etag=etag, request_id=request_id)


def _undelete(who: Person, of: pb.MeImage, etag: str | None, request_id: str) -> Awaitable[object]:
    return rules.undelete(who, of.me_image_id, etag=etag, request_id=request_id)


CHECKED: dict[str, Checked] = {
    "UpdateMeImage": _update,
    "SetAiReferenceEnabled": _opt_in,
    "SetPrimary": _claim,
    "DeleteMeImage": _delete,
    "UndeleteMeImage": _undelete,
}
"""Those that change one me-image, and take its etag."""

Mutate = Callable[[Person, pb.MeImage, str], Awaitable[object]]
"""Who, which me-image, and the request_id."""


def _without_etag(mutate: Checked) -> Mutate:
    return lambda who, of, request_id: mutate(who, of, None, request_id)


MUTATIONS: dict[str, Mutate] = {name: _without_etag(mutate) for name, mutate in CHECKED.items()} | {
    "ClearPrimary": lambda who, _, request_id: rules.clear(who, pb.SLOT_FACE_REF, request_id=request_id),
    "UpdateAiSettings": lambda who, _, request_id: rules.switch(who, enabled=False, request_id=request_id),
    "CreateMeImage": lambda who, of, request_id: who.create(of.media.media_id, face("made"), request_id=request_id),
}
"""All but the upload, each of which changes something the first time; see ``prepared``."""


async def prepared(who: Person, mine: pb.MeImage, method: str) -> pb.MeImage:
    """Bring a me-image where this mutation has something to change."""
    if method == "UndeleteMeImage":
        return await rules.delete(who, mine.me_image_id)
    if method == "ClearPrimary":
        return (await rules.claim(who, mine.me_image_id, pb.SLOT_FACE_REF)).me_image
    return mine
