"""From the wire to the domain: every bad field of a request is found and named, in one pass."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from meimage.v1 import me_image_pb2 as pb

from service.domain import limits
from service.domain.errors import FieldViolation, InvalidFields
from service.domain.ids import parse_uuid
from service.domain.model import Kind, NewMeImage, RequestId, Slot, Usage, UserId
from service.rpc.enums import KINDS, SLOTS

_USER_ID = re.compile(rf"[^\x00-\x1f\x7f-\x9f]{{1,{limits.MAX_USER_ID_CHARACTERS}}}")
"""Without control characters: these 65 are Unicode's category Cc, for all versions (stability policy)."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NO_UUID = UUID(int=0)
_Value = TypeVar("_Value")


class Fields:
    """Collects what is wrong with a request; what it returns counts only once ``check`` has passed."""

    def __init__(self) -> None:
        self._violations: list[FieldViolation] = []

    def check(self) -> None:
        """Raise InvalidFields if any field was bad."""
        if self._violations:
            raise InvalidFields(self._violations)

    def bad(self, field: str, description: str) -> None:
        """Note a bad field."""
        self._violations.append(FieldViolation(field, description))

    def uuid(self, field: str, text: str) -> UUID:
        """Read a UUID that must be there."""
        value = parse_uuid(text)
        if value is None:
            self.bad(field, "must be a UUID")
        return value or _NO_UUID

    def request_id(self, text: str) -> RequestId | None:
        """Read a request_id, which may be left out."""
        return RequestId(self.uuid("request_id", text)) if text else None

    def required(self, field: str, *, is_there: bool) -> None:
        """Note a field that must be there and is not."""
        if not is_there:
            self.bad(field, "must be given")

    def text(self, field: str, text: str, most: int) -> str:
        """Read a text of at most so many characters."""
        if len(text) > most:
            self.bad(field, f"must have at most {most} characters")
        return text

    def line(self, field: str, text: str, most: int) -> str:
        """Read a text of one line that must be there."""
        if not 1 <= len(text) <= most or _CONTROL.search(text):
            self.bad(field, f"must have 1 to {most} characters, none of them a control character")
        return text

    def page_size(self, asked: int) -> int:
        """Read the size of a page, which may be left out."""
        return self.number("page_size", asked or limits.DEFAULT_PAGE_SIZE, 1, limits.MAX_PAGE_SIZE)

    def sha256(self, field: str, text: str) -> str:
        """Read a SHA-256 in lower-case hexadecimal."""
        if not _SHA256.fullmatch(text):
            self.bad(field, "must be 64 lower-case hexadecimal digits")
        return text

    def number(self, field: str, value: int, least: int, most: int) -> int:
        """Read a number within its bounds."""
        if not least <= value <= most:
            self.bad(field, f"must be {least} to {most}")
        return value

    def choice(self, field: str, table: Mapping[int, _Value], number: int, default: _Value) -> _Value:
        """Read an enum value; unspecified and unknown ones that the table does not have are bad."""
        if number not in table:
            self.bad(field, "must be one of the values of the contract")
        return table.get(number, default)

    def kinds(self, field: str, numbers: Sequence[int]) -> tuple[Kind, ...]:
        """Read kinds to filter by, without repetition."""
        return tuple(sorted({self.choice(f"{field}[{i}]", KINDS, n, Kind.FACE) for i, n in enumerate(numbers)}))

    def tags(self, field: str, tags: Sequence[str]) -> tuple[str, ...]:
        """Read tags, dropping repetitions and keeping their order."""
        if len(tags) > limits.MAX_TAGS:
            self.bad(field, f"must be at most {limits.MAX_TAGS}")
        for index, tag in enumerate(tags[: limits.MAX_TAGS]):
            if not 1 <= len(tag) <= limits.MAX_TAG_CHARACTERS:
                self.bad(f"{field}[{index}]", f"must have 1 to {limits.MAX_TAG_CHARACTERS} characters")
        return tuple(dict.fromkeys(tags))

    def new_me_image(self, new: pb.NewMeImage) -> NewMeImage:
        """Read a me-image to be created."""
        at = "new_me_image"
        claimed = {self.choice(f"{at}.claim_slots[{i}]", SLOTS, n, Slot.AVATAR) for i, n in enumerate(new.claim_slots)}
        shown = new.usage.show_in_profile if new.usage.HasField("show_in_profile") else True
        return NewMeImage(
            kind=self.choice(f"{at}.kind", KINDS, new.kind, Kind.FACE),
            label=self.text(f"{at}.label", new.label, limits.MAX_LABEL_CHARACTERS),
            tags=self.tags(f"{at}.tags", new.tags),
            usage=Usage(ai_reference=new.usage.ai_reference, show_in_profile=shown),
            claim_slots=tuple(slot for slot in Slot if slot in claimed),
        )


def user_id_field(text: str) -> UserId:
    """Read the user that a request names. Raises InvalidFields."""
    if _USER_ID.fullmatch(text):
        return UserId(text)
    most = limits.MAX_USER_ID_CHARACTERS
    raise InvalidFields(
        [FieldViolation("user_id", f"must have 1 to {most} characters, none of them a control character")]
    )
