"""ReferenceService: decode, call one use case, encode."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from meimage.v1 import reference_service_pb2 as pb
from meimage.v1.reference_service_pb2_grpc import ReferenceServiceServicer

from service.domain import limits
from service.domain.model import MeImageId, Slot, UserId
from service.domain.references import ByKind, Selection
from service.rpc.budget import ByteBudget
from service.rpc.calls import current_call, current_caller
from service.rpc.enums import SLOTS
from service.rpc.fields import Fields
from service.rpc.releases import (
    generator_message,
    image_message,
    reference_message,
    release_message,
    validation_message,
)
from service.usecases.references import ReferenceQuery, list_references
from service.usecases.release import opened_images, release_references
from service.usecases.release_plan import Order, plan_release, validate_release
from service.usecases.world import World


class References(ReferenceServiceServicer):
    """The generator's side."""

    def __init__(self, world: World, transfers: ByteBudget) -> None:
        self._world = world
        self._transfers = transfers

    async def ListReferences(self, request: pb.ListReferencesRequest, context: object) -> pb.ListReferencesResponse:
        fields = Fields()
        query = ReferenceQuery(
            user_id=UserId(request.user_id),
            kinds=fields.kinds("kinds", request.kinds),
            page_size=fields.page_size(request.page_size),
            page_token=request.page_token,
        )
        fields.check()
        page = await list_references(self._world, query)
        references = [reference_message(record) for record in page.references]
        return pb.ListReferencesResponse(
            references=references, next_page_token=page.next_page_token, paused=page.paused
        )

    async def ListGenerators(self, request: pb.ListGeneratorsRequest, context: object) -> pb.ListGeneratorsResponse:
        generators = sorted(self._world.generators.values(), key=lambda each: each.generator_id)
        return pb.ListGeneratorsResponse(generators=[generator_message(each) for each in generators])

    async def ReleaseReferences(
        self, request: pb.ReleaseReferencesRequest, context: object
    ) -> AsyncIterator[pb.ReleaseReferencesResponse]:
        order = _order(request)
        if request.validate_only:
            judgement = await validate_release(self._world, order)
            yield pb.ReleaseReferencesResponse(validation=validation_message(judgement))
            return
        plan = await plan_release(self._world, order)
        async with self._transfers.hold(plan.size_bytes, str(order.caller)):
            released = await release_references(self._world, plan)
            yield pb.ReleaseReferencesResponse(release=release_message(released.release))
            async with aclosing(opened_images(self._world, released)) as contents:
                for index in range(len(released.release.pictures)):
                    content = await anext(contents)
                    yield pb.ReleaseReferencesResponse(image=image_message(released.release, index))
                    for start in range(0, len(content), limits.DOWNLOAD_CHUNK_BYTES):
                        chunk = content[start : start + limits.DOWNLOAD_CHUNK_BYTES]
                        yield pb.ReleaseReferencesResponse(chunk=chunk)
                        current_call().photo_bytes += len(chunk)
            yield pb.ReleaseReferencesResponse(end=pb.ReleaseEnd())


def _order(request: pb.ReleaseReferencesRequest) -> Order:
    fields = Fields()
    order = Order(
        caller=current_caller(),
        user_id=UserId(request.user_id),
        selection=_selection(fields, request),
        generator=request.generator,
        purpose=fields.line("purpose", request.purpose, limits.MAX_PURPOSE_CHARACTERS),
        request_id=fields.request_id(request.request_id),
    )
    fields.required("generator", is_there=bool(request.generator))
    fields.check()
    return order


def _selection(fields: Fields, request: pb.ReleaseReferencesRequest) -> Selection:
    is_named = bool(request.me_image_ids or request.slots)
    if is_named == request.HasField("by_kind"):
        fields.bad("by_kind", "must be given, or me_image_ids or slots, but not both")
    if len(request.me_image_ids) > limits.MAX_NAMED_REFERENCES:
        fields.bad("me_image_ids", f"must be at most {limits.MAX_NAMED_REFERENCES}")
    named = request.me_image_ids[: limits.MAX_NAMED_REFERENCES]
    ids = [fields.uuid(f"me_image_ids[{i}]", text) for i, text in enumerate(named)]
    slots = [fields.choice(f"slots[{i}]", SLOTS, number, Slot.AVATAR) for i, number in enumerate(request.slots)]
    return Selection(
        me_image_ids=tuple(dict.fromkeys(MeImageId(each) for each in ids)),
        slots=tuple(dict.fromkeys(slots)),
        by_kind=_by_kind(fields, request.by_kind) if request.HasField("by_kind") else None,
    )


def _by_kind(fields: Fields, by_kind: pb.KindSelection) -> ByKind:
    kinds = fields.kinds("by_kind.kinds", by_kind.kinds)
    if by_kind.max_images < 0:
        fields.bad("by_kind.max_images", "must be at least 1")
    return ByKind(kinds, by_kind.max_images or None)
