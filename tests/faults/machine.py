"""A small model of the pool, and what people do to it in any order: compared with the service after every step."""

import uuid
from datetime import timedelta
from typing import ClassVar, TypeVar

import grpc
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from tests import pictures, rules
from tests.faults.modelled import Call, Modelled, Surroundings
from tests.invariants import sound
from tests.people import refusal
from tests.sweeping import swept

Answer = TypeVar("Answer")
SLOTS = {"AVATAR": pb.SLOT_AVATAR, "FACE_REF": pb.SLOT_FACE_REF, "BODY_REF": pb.SLOT_BODY_REF}
KINDS = {"FACE": pb.KIND_FACE, "HANDS": pb.KIND_HANDS}
PHOTO = pictures.png()
MONTH = timedelta(days=30, minutes=1)

people, choices = st.integers(0, 1), st.integers(0, 5)
slots, kinds = st.sampled_from(sorted(SLOTS)), st.sampled_from(sorted(KINDS))


class Pools(RuleBasedStateMachine):
    """Two people and their pools."""

    around: ClassVar[Surroundings]

    def __init__(self) -> None:
        super().__init__()
        self.people = [self.around.newcomer(), self.around.newcomer()]

    @invariant()
    def all_is_as_modelled(self) -> None:
        for each in self.people:
            assert self.around.run(sound(each.who, self.around.database)) == each.pool
            request = rpc.ListMeImagesRequest(include_deleted=True, page_size=200)
            listed = self.around.run(each.who.page(request)).me_images
            newest_first = [(of, label) for of, label in reversed(each.labels.items()) if of in each.pool.kinds]
            assert [(one.me_image_id, one.label) for one in listed] == newest_first

    def _try(self, each: Modelled, call: Call) -> str:
        """Make a call; return the reason of its refusal, or OK and remember it."""
        request_id = str(uuid.uuid4())
        try:
            answer = self.around.run(call(request_id))
        except grpc.aio.AioRpcError as error:
            return refusal(error).reason
        each.last = (call, request_id, answer)
        return "OK"

    def _do(self, each: Modelled, of: str, call: Call, *, if_deleted: str = "ME_IMAGE_DELETED") -> bool:
        """Make a call about a me-image, which must be refused where the model says so; tell whether it was made."""
        expected = "OK"
        if of not in each.pool.kinds:
            expected = "ME_IMAGE_NOT_FOUND"
        elif of in each.pool.deleted:
            expected = if_deleted
        assert self._try(each, call) == expected
        return expected == "OK"

    @rule(who=people, kind=kinds, opted=st.booleans(), claims=st.sets(slots))
    def create(self, who: int, kind: str, opted: bool, claims: set[str]) -> None:
        each, label = self.people[who], str(uuid.uuid4())
        claimed = [SLOTS[slot] for slot in sorted(claims)]
        new = pb.NewMeImage(kind=KINDS[kind], label=label, usage=pb.Usage(ai_reference=opted), claim_slots=claimed)
        assert self._try(each, lambda request_id: each.who.upload(PHOTO, new, request_id=request_id)) == "OK"
        of = self._answer(each, rpc.UploadMeImageResponse).me_image.me_image_id
        each.labels[of], each.pool.kinds[of] = label, kind
        each.pool.opted_in |= {of} if opted else set()
        each.pool.holders |= dict.fromkeys(claims, of)

    @rule(who=people, choice=choices, kind=kinds, label=st.sampled_from(["", "a", "b"]))
    def update(self, who: int, choice: int, kind: str, label: str) -> None:
        each, of = self._chosen(who, choice)
        new = rpc.MeImageChanges(kind=KINDS[kind], label=label)
        if self._do(each, of, lambda id_: rules.update(each.who, of, new, "kind", "label", request_id=id_)):
            each.labels[of], each.pool.kinds[of] = label, kind

    @rule(who=people, choice=choices, enabled=st.booleans())
    def opt(self, who: int, choice: int, enabled: bool) -> None:
        each, of = self._chosen(who, choice)
        if self._do(each, of, lambda request_id: rules.opt(each.who, of, enabled, request_id=request_id)):
            each.pool.opted_in = each.pool.opted_in - {of} | ({of} if enabled else set())

    @rule(who=people, choice=choices, slot=slots)
    def claim(self, who: int, choice: int, slot: str) -> None:
        each, of = self._chosen(who, choice)
        if self._do(each, of, lambda request_id: rules.claim(each.who, of, SLOTS[slot], request_id=request_id)):
            assert self._answer(each, rpc.SetPrimaryResponse).previous_me_image_id == each.pool.holders.get(slot, "")
            each.pool.holders[slot] = of

    @rule(who=people, slot=slots)
    def clear(self, who: int, slot: str) -> None:
        each = self.people[who]
        assert self._try(each, lambda request_id: rules.clear(each.who, SLOTS[slot], request_id=request_id)) == "OK"
        assert self._answer(each, str) == each.pool.holders.pop(slot, "")

    @rule(who=people, choice=choices)
    def delete(self, who: int, choice: int) -> None:
        each, of = self._chosen(who, choice)
        if self._do(each, of, lambda id_: rules.delete(each.who, of, request_id=id_), if_deleted="OK"):
            each.pool.deleted.add(of)
            each.pool.opted_in.discard(of)
            each.pool.holders = {slot: holder for slot, holder in each.pool.holders.items() if holder != of}

    @rule(who=people, choice=choices)
    def undelete(self, who: int, choice: int) -> None:
        each, of = self._chosen(who, choice)
        if self._do(each, of, lambda id_: rules.undelete(each.who, of, request_id=id_), if_deleted="OK"):
            each.pool.deleted.discard(of)

    @rule(who=people, enabled=st.booleans())
    def switch(self, who: int, enabled: bool) -> None:
        each = self.people[who]
        assert self._try(each, lambda request_id: rules.switch(each.who, enabled, request_id=request_id)) == "OK"
        each.pool.references_enabled = enabled

    @rule(who=people)
    def retry(self, who: int) -> None:
        last = self.people[who].last
        if last is not None:
            call, request_id, answer = last
            assert self.around.run(call(request_id)) == answer

    @rule(who=people, choice=choices)
    def reach_for_what_is_anothers(self, who: int, choice: int) -> None:
        each, of = self.people[who], self.people[1 - who].one(choice)
        assert self._try(each, lambda _: rules.delete(each.who, of)) == "ME_IMAGE_NOT_FOUND"
        assert self._try(each, lambda _: rules.opt(each.who, of, enabled=True)) == "ME_IMAGE_NOT_FOUND"

    @rule(who=people, choice=choices)
    def come_too_late(self, who: int, choice: int) -> None:
        each, of = self._chosen(who, choice)
        expected = "ETAG_MISMATCH" if of in each.pool.kinds else "ME_IMAGE_NOT_FOUND"
        assert self._try(each, lambda _: rules.delete(each.who, of, etag="0")) == expected

    @rule()
    def a_month_passes(self) -> None:
        self.around.run(swept(self.around.served, MONTH))
        for each in self.people:
            each.pool.kinds = {of: kind for of, kind in each.pool.kinds.items() if of not in each.pool.deleted}
            each.pool.deleted, each.last = set(), None

    def _chosen(self, who: int, choice: int) -> tuple[Modelled, str]:
        return self.people[who], self.people[who].one(choice)

    def _answer(self, each: Modelled, kind: type[Answer]) -> Answer:
        assert each.last is not None
        assert isinstance(each.last[2], kind)
        return each.last[2]
