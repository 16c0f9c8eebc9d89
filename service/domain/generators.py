"""The registry of generators: image models that references can be released for."""

from dataclasses import dataclass
from datetime import date

from service.domain.model import MediaType, Rendition


@dataclass(frozen=True, slots=True)
class Generator:
    """What a provider says that one of its models accepts; ``source`` says where, as read on ``source_date``.

    ``max_references`` images in one call, each in one of ``content_types`` and of at most ``max_image_bytes``.
    """

    generator_id: str
    display_name: str
    max_references: int
    content_types: tuple[MediaType, ...]
    rendition: Rendition
    max_image_bytes: int
    retention_note: str
    source: str
    source_date: date
