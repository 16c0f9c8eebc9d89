"""A generator's backend: what a test needs to have references released."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import reference_service_pb2 as rpc
from meimage.v1.reference_service_pb2_grpc import ReferenceServiceStub

from tests.conftest import Served
from tests.people import Person, bearer
from tests.tokens import Issuer

if TYPE_CHECKING:
    from meimage.v1.reference_service_pb2_grpc import ReferenceServiceAsyncStub

GENERATOR = "openai/gpt-image-2"
SCOPES = ("me_images.release", "me_images.on_behalf")


@dataclass(frozen=True)
class Released:
    """A release that came whole: what was announced, and the bytes of each image."""

    release: rpc.Release
    images: tuple[bytes, ...]


@dataclass(frozen=True)
class Studio:
    """A backend that asks for references."""

    token: str
    stub: "ReferenceServiceAsyncStub"

    def messages(self, request: rpc.ReleaseReferencesRequest) -> AsyncIterator[rpc.ReleaseReferencesResponse]:
        """Ask for a release; what is left out is filled in as a proper caller would."""
        request.generator = request.generator or GENERATOR
        request.purpose = request.purpose or "outfit try-on"
        return aiter(self.stub.ReleaseReferences(request, metadata=bearer(self.token)))

    async def release(self, person: Person, *me_image_ids: str, request_id: str = "") -> Released:
        """Have me-images released."""
        request = rpc.ReleaseReferencesRequest(user_id=person.user_id, me_image_ids=me_image_ids, request_id=request_id)
        return await whole(self.messages(request))

    async def references(self, request: rpc.ListReferencesRequest) -> rpc.ListReferencesResponse:
        """List what may be released."""
        return await self.stub.ListReferences(request, metadata=bearer(self.token))


async def whole(messages: AsyncIterator[rpc.ReleaseReferencesResponse]) -> Released:
    """Receive a release to its end; fails where it is not what was announced, in its order."""
    release = (await anext(messages)).release
    assert release.release_id
    images: list[bytes] = []
    message = await anext(messages)
    for announced in release.images:
        assert message.image == announced
        content = b""
        while (message := await anext(messages)).WhichOneof("part") == "chunk":
            content += message.chunk
        assert (len(content), hashlib.sha256(content).hexdigest()) == (announced.size_bytes, announced.sha256)
        images.append(content)
    assert message.WhichOneof("part") == "end"
    assert await anext(messages, None) is None
    return Released(release, tuple(images))


def studio(served: Served, issuer: Issuer, *scopes: str, name: str = "wardrobe") -> Studio:
    """Return a backend with the scopes of a release, or others."""
    return Studio(issuer.service(*(scopes or SCOPES), name=name), ReferenceServiceStub(served.channel))


def opted_in(kind: pb.Kind.ValueType = pb.KIND_FACE, slots: tuple[pb.Slot.ValueType, ...] = ()) -> pb.NewMeImage:
    """Return a new me-image that AI may use."""
    return pb.NewMeImage(kind=kind, usage=pb.Usage(ai_reference=True), claim_slots=slots)
