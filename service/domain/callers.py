"""Who calls, and what a caller may reach."""

from dataclasses import dataclass
from enum import StrEnum

from service.domain.errors import PermissionDenied
from service.domain.model import UserId


class Scope(StrEnum):
    """A permission that a token carries."""

    READ = "me_images.read"
    WRITE = "me_images.write"
    ON_BEHALF = "me_images.on_behalf"


USER_SCOPES = frozenset({Scope.READ, Scope.WRITE})
"""All that a user's own token can ever allow."""


class CallerKind(StrEnum):
    """A person, or a backend."""

    USER = "user"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated origin of a call. ``subject`` is the user_id of a user, the name of a service."""

    kind: CallerKind
    subject: str
    scopes: frozenset[Scope]

    def __str__(self) -> str:
        return f"{self.kind}:{self.subject}"


def require_scope(caller: Caller, scope: Scope) -> None:
    """Raise PermissionDenied unless the caller holds the scope."""
    if scope not in caller.scopes:
        raise PermissionDenied


def require_user(caller: Caller, user_id: UserId) -> None:
    """Raise PermissionDenied unless the caller may name this user; whether the user exists plays no part."""
    if caller.kind is CallerKind.USER and caller.subject == user_id:
        return
    if caller.kind is CallerKind.SERVICE and Scope.ON_BEHALF in caller.scopes:
        return
    raise PermissionDenied
