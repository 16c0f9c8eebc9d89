"""Between rows with sealed columns and the readable values of the domain."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from service.domain.model import Etag, Media, MediaId, MeImage, MeImageId, UserId
from service.ports.records import MediaRecord, MeImageRecord
from service.ports.sealing import Purpose, SealContext, UserKey, Vault, WrappedKey

_FACTS = TypeAdapter(tuple[str, str])
_TEXT = TypeAdapter(tuple[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True)
class UserSeals:
    """The vault with one user's key in hand."""

    vault: Vault
    user_id: UserId
    key: UserKey

    def seal_facts(self, media_id: MediaId, filename: str, sha256: str) -> bytes:
        """Seal what a media tells of its photo: the name, and the digest that tells equal photos equal."""
        return self.vault.seal(self.key, self._facts(media_id), _FACTS.dump_json((filename, sha256)))

    def text(self, record: MeImageRecord) -> tuple[str, tuple[str, ...]]:
        """Open label and tags of a me-image. Raises SealBroken."""
        return _TEXT.validate_json(self.vault.open(self.key, self._text(record.me_image_id), record.sealed_text))

    def seal_text(self, me_image_id: MeImageId, label: str, tags: tuple[str, ...]) -> bytes:
        """Seal what people wrote about a me-image."""
        return self.vault.seal(self.key, self._text(me_image_id), _TEXT.dump_json((label, tags)))

    def media(self, record: MediaRecord) -> Media:
        """Open a media. Raises SealBroken."""
        facts = self.vault.open(self.key, self._facts(record.media_id), record.sealed_facts)
        filename, sha256 = _FACTS.validate_json(facts)
        return Media(
            media_id=record.media_id,
            content_type=record.content_type,
            size_bytes=record.size_bytes,
            sha256=sha256,
            width=record.width,
            height=record.height,
            filename=filename,
            created_at=record.created_at,
        )

    def me_image(self, record: MeImageRecord) -> MeImage:
        """Open a me-image with its media. Raises SealBroken."""
        label, tags = self.text(record)
        return MeImage(
            user_id=record.user_id,
            me_image_id=record.me_image_id,
            kind=record.kind,
            label=label,
            tags=tags,
            usage=record.usage,
            slots=record.slots,
            media=self.media(record.media),
            etag=etag_of(record.revision),
            created_at=record.created_at,
            updated_at=record.updated_at,
            deleted_at=record.deleted_at,
            purge_at=record.purge_at,
        )

    def seal_digest(self, media_id: MediaId, variant: str, sha256: str) -> bytes:
        """Seal the digest of a rendition that can be released."""
        return self.vault.seal(self.key, self._digest(media_id, variant), bytes.fromhex(sha256))

    def digest(self, media_id: MediaId, variant: str, sealed: bytes) -> str:
        """Open the digest of a rendition, SHA-256 in lower-case hex. Raises SealBroken."""
        return self.vault.open(self.key, self._digest(media_id, variant), sealed).hex()

    def object_context(self, media_id: MediaId, variant: str) -> SealContext:
        """Say where an object of the bucket belongs."""
        return SealContext(Purpose.OBJECT, self.user_id, media_id, variant)

    def _facts(self, media_id: MediaId) -> SealContext:
        return SealContext(Purpose.MEDIA_FACTS, self.user_id, media_id)

    def _digest(self, media_id: MediaId, variant: str) -> SealContext:
        return SealContext(Purpose.RENDITION_FACTS, self.user_id, media_id, variant)

    def _text(self, me_image_id: MeImageId) -> SealContext:
        return SealContext(Purpose.ME_IMAGE_TEXT, self.user_id, me_image_id)


def seals_of(vault: Vault, user_id: UserId, wrapped: WrappedKey) -> UserSeals:
    """Take a user's key in hand. Raises SealBroken."""
    return UserSeals(vault, user_id, vault.unwrap(user_id, wrapped))


def etag_of(revision: int) -> Etag:
    """Return the etag of a me-image that last changed in this revision of its user."""
    return Etag(str(revision))
