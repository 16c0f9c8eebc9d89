"""From the domain to the wire."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from meimage.v1 import me_image_pb2 as pb

from service.domain.model import AiSettings, Media, MeImage
from service.rpc.enums import KIND_NUMBERS, SLOT_NUMBERS


def timestamp(at: datetime) -> Timestamp:
    """Write a time."""
    return Timestamp(seconds=int(at.timestamp()), nanos=at.microsecond * 1000)


def media_message(media: Media) -> pb.Media:
    """Write a media."""
    return pb.Media(
        media_id=str(media.media_id),
        content_type=media.content_type,
        size_bytes=media.size_bytes,
        sha256=media.sha256,
        width=media.width,
        height=media.height,
        filename=media.filename,
        create_time=timestamp(media.created_at),
    )


def ai_settings_message(settings: AiSettings) -> pb.AiSettings:
    """Write what a person decided about all of their me-images."""
    updated = timestamp(settings.updated_at) if settings.updated_at else None
    return pb.AiSettings(references_enabled=settings.references_enabled, update_time=updated)


def me_image_message(me_image: MeImage, thumbnail: bytes = b"") -> pb.MeImage:
    """Write a me-image."""
    return pb.MeImage(
        user_id=me_image.user_id,
        me_image_id=str(me_image.me_image_id),
        kind=KIND_NUMBERS[me_image.kind],
        label=me_image.label,
        tags=me_image.tags,
        usage=pb.Usage(ai_reference=me_image.usage.ai_reference, show_in_profile=me_image.usage.show_in_profile),
        slots=[SLOT_NUMBERS[slot] for slot in me_image.slots],
        media=media_message(me_image.media),
        etag=me_image.etag,
        create_time=timestamp(me_image.created_at),
        update_time=timestamp(me_image.updated_at),
        delete_time=timestamp(me_image.deleted_at) if me_image.deleted_at else None,
        purge_time=timestamp(me_image.purge_at) if me_image.purge_at else None,
        thumbnail=thumbnail,
    )
