"""The contract's enums and the domain's, both ways."""

from collections.abc import Mapping

from meimage.v1 import admin_service_pb2, ledger_pb2
from meimage.v1 import me_image_pb2 as pb
from meimage.v1 import me_image_service_pb2 as rpc

from service.domain.ledger import LedgerFlaw, LedgerKind
from service.domain.model import Kind, PrimaryRule, Rendition, Slot

KIND_NUMBERS: Mapping[Kind, pb.Kind.ValueType] = {
    Kind.FACE: pb.KIND_FACE,
    Kind.FULLBODY: pb.KIND_FULLBODY,
    Kind.HALFBODY: pb.KIND_HALFBODY,
    Kind.HANDS: pb.KIND_HANDS,
    Kind.REFERENCE: pb.KIND_REFERENCE,
}
SLOT_NUMBERS: Mapping[Slot, pb.Slot.ValueType] = {
    Slot.AVATAR: pb.SLOT_AVATAR,
    Slot.FACE_REF: pb.SLOT_FACE_REF,
    Slot.BODY_REF: pb.SLOT_BODY_REF,
}
RULE_NUMBERS: Mapping[PrimaryRule, rpc.PrimaryRule.ValueType] = {
    PrimaryRule.HOLDER: rpc.PRIMARY_RULE_HOLDER,
    PrimaryRule.FACE_REF_HOLDER: rpc.PRIMARY_RULE_FACE_REF_HOLDER,
    PrimaryRule.NEWEST_SHOWN: rpc.PRIMARY_RULE_NEWEST_SHOWN,
}
LEDGER_NUMBERS: Mapping[LedgerKind, ledger_pb2.LedgerKind.ValueType] = {
    LedgerKind.CONSENT_GIVEN: ledger_pb2.LEDGER_KIND_CONSENT_GIVEN,
    LedgerKind.CONSENT_WITHDRAWN: ledger_pb2.LEDGER_KIND_CONSENT_WITHDRAWN,
    LedgerKind.REFERENCES_PAUSED: ledger_pb2.LEDGER_KIND_REFERENCES_PAUSED,
    LedgerKind.REFERENCES_RESUMED: ledger_pb2.LEDGER_KIND_REFERENCES_RESUMED,
    LedgerKind.REFERENCES_RELEASED: ledger_pb2.LEDGER_KIND_REFERENCES_RELEASED,
    LedgerKind.EXPORTED: ledger_pb2.LEDGER_KIND_EXPORTED,
}
FLAW_NUMBERS: Mapping[LedgerFlaw, admin_service_pb2.LedgerFlaw.ValueType] = {
    LedgerFlaw.GAP: admin_service_pb2.LEDGER_FLAW_GAP,
    LedgerFlaw.CHAIN: admin_service_pb2.LEDGER_FLAW_CHAIN,
    LedgerFlaw.HASH: admin_service_pb2.LEDGER_FLAW_HASH,
    LedgerFlaw.RELEASE: admin_service_pb2.LEDGER_FLAW_RELEASE,
}
RENDITION_NUMBERS: Mapping[Rendition, pb.Rendition.ValueType] = {
    Rendition.WEBP_320: pb.RENDITION_WEBP_320,
    Rendition.PNG_1024: pb.RENDITION_PNG_1024,
    Rendition.JPEG_2048: pb.RENDITION_JPEG_2048,
    Rendition.PNG_SQUARE_1024: pb.RENDITION_PNG_SQUARE_1024,
}

KINDS: Mapping[int, Kind] = {int(number): kind for kind, number in KIND_NUMBERS.items()}
SLOTS: Mapping[int, Slot] = {int(number): slot for slot, number in SLOT_NUMBERS.items()}
LEDGER_KINDS: Mapping[int, LedgerKind] = {int(number): kind for kind, number in LEDGER_NUMBERS.items()}
RENDITIONS: Mapping[int, Rendition | None] = {
    pb.RENDITION_UNSPECIFIED: None,
    **{int(number): rendition for rendition, number in RENDITION_NUMBERS.items()},
}
VIEWS: Mapping[int, bool] = {
    pb.ME_IMAGE_VIEW_UNSPECIFIED: False,
    pb.ME_IMAGE_VIEW_BASIC: False,
    pb.ME_IMAGE_VIEW_FULL: True,
}
"""Whether a view holds thumbnails."""
