"""Releases on the wire."""

from meimage.v1 import ledger_pb2
from meimage.v1 import reference_service_pb2 as pb

from service.domain.errors import Refusal
from service.domain.generators import Generator
from service.domain.ledger import ReleaseFacts
from service.domain.references import Judgement
from service.ports.records import ReferenceRecord
from service.rpc.convert import timestamp
from service.rpc.enums import KIND_NUMBERS, RENDITION_NUMBERS, SLOT_NUMBERS
from service.usecases.release_plan import Release


def reference_message(record: ReferenceRecord) -> pb.Reference:
    """Write what may be released."""
    candidate = record.candidate
    return pb.Reference(
        me_image_id=str(candidate.me_image_id),
        kind=KIND_NUMBERS[candidate.kind],
        slots=[SLOT_NUMBERS[slot] for slot in candidate.slots],
        width=record.media.width,
        height=record.media.height,
        create_time=timestamp(candidate.created_at),
    )


def generator_message(generator: Generator) -> pb.Generator:
    """Write an entry of the registry."""
    return pb.Generator(
        generator_id=generator.generator_id,
        display_name=generator.display_name,
        max_references=generator.max_references,
        content_types=generator.content_types,
        rendition=RENDITION_NUMBERS[generator.rendition],
        max_image_bytes=generator.max_image_bytes,
        retention_note=generator.retention_note,
        source=generator.source,
        source_date=generator.source_date.isoformat(),
    )


def release_message(release: Release) -> pb.Release:
    """Write what is about to be handed out."""
    return pb.Release(
        release_id=str(release.release_id),
        time=timestamp(release.at),
        generator=release.generator,
        images=[image_message(release, index) for index in range(len(release.pictures))],
        ledger_sequence=release.sequence,
        ledger_hash=release.hash,
    )


def image_message(release: Release, index: int) -> pb.ReferenceImage:
    """Write what comes before the bytes of an image."""
    picture = release.pictures[index]
    return pb.ReferenceImage(
        me_image_id=str(picture.me_image_id),
        kind=KIND_NUMBERS[picture.kind],
        rendition=RENDITION_NUMBERS[picture.rendition],
        content_type=picture.content_type,
        size_bytes=picture.size_bytes,
        sha256=release.digests[index],
        width=picture.width,
        height=picture.height,
    )


def validation_message(judgement: Judgement) -> pb.ReleaseValidation:
    """Write what would be released, and what not."""
    passing = [str(me_image_id) for me_image_id in judgement.chosen]
    return pb.ReleaseValidation(me_image_ids=passing, refusals=[_refusal(each) for each in judgement.refusals])


def record_message(facts: ReleaseFacts) -> ledger_pb2.ReleaseRecord:
    """Write what the ledger tells of a release."""
    return ledger_pb2.ReleaseRecord(
        release_id=str(facts.release_id),
        generator=facts.generator,
        purpose=facts.purpose,
        images=[
            ledger_pb2.ReleasedImage(
                me_image_id=str(image.me_image_id), rendition=RENDITION_NUMBERS[image.rendition], sha256=image.sha256
            )
            for image in facts.images
        ],
    )


def _refusal(refusal: Refusal) -> pb.ReferenceRefusal:
    return pb.ReferenceRefusal(subject=refusal.subject, reason=refusal.why.reason)
