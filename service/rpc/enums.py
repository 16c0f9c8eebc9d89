"""The contract's enums and the domain's, both ways."""

from collections.abc import Mapping

from meimage.v1 import me_image_pb2 as pb

from service.domain.model import Kind, Rendition, Slot

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

KINDS: Mapping[int, Kind] = {int(number): kind for kind, number in KIND_NUMBERS.items()}
SLOTS: Mapping[int, Slot] = {int(number): slot for slot, number in SLOT_NUMBERS.items()}
RENDITIONS: Mapping[int, Rendition | None] = {
    pb.RENDITION_UNSPECIFIED: None,
    pb.RENDITION_WEBP_320: Rendition.WEBP_320,
}
VIEWS: Mapping[int, bool] = {
    pb.ME_IMAGE_VIEW_UNSPECIFIED: False,
    pb.ME_IMAGE_VIEW_BASIC: False,
    pb.ME_IMAGE_VIEW_FULL: True,
}
"""Whether a view holds thumbnails."""
