"""Who calls, and what a caller may reach."""

from dataclasses import dataclass, field
from enum import StrEnum

from service.domain.errors import PermissionDenied
from service.domain.model import UserId


class Scope(StrEnum):
    """A permission that a token carries."""

    READ = "me_images.read"
    WRITE = "me_images.write"
    WATCH = "me_images.watch"
    RELEASE = "me_images.release"
    ADMIN = "me_images.admin"
    ON_BEHALF = "me_images.on_behalf"


USER_SCOPES = frozenset({Scope.READ, Scope.WRITE})
"""All that a user's own token can ever allow."""


class CallerKind(StrEnum):
    """A person, a backend, or this service itself."""

    USER = "user"
    SERVICE = "service"
    UPKEEP = "upkeep"


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated origin of a call. ``subject`` is the user_id of a user, the name of a service.

    ``expires`` is when what proved it ends, in seconds since 1970; None for this service itself. ``bound_to`` is the
    thumbprint of the certificate without which it proves nothing; None where it is not bound to one.
    """

    kind: CallerKind
    subject: str
    scopes: frozenset[Scope]
    expires: float | None = field(default=None, compare=False)
    bound_to: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.kind}:{self.subject}" if self.subject else self.kind.value


UPKEEP = Caller(CallerKind.UPKEEP, "", frozenset())
"""Who removes what its time has come for."""


def require_scope(caller: Caller, scope: Scope) -> None:
    """Raise PermissionDenied unless the caller holds the scope."""
    if scope not in caller.scopes:
        raise PermissionDenied


def require_everybody(caller: Caller, scope: Scope) -> None:
    """Raise PermissionDenied unless the caller is a service that holds the scope for all users."""
    if caller.kind is not CallerKind.SERVICE:
        raise PermissionDenied
    require_scope(caller, scope)


def require_user(caller: Caller, user_id: UserId) -> None:
    """Raise PermissionDenied unless the caller may name this user; whether the user exists plays no part."""
    if caller.kind is CallerKind.USER and caller.subject == user_id:
        return
    if caller.kind is CallerKind.SERVICE and Scope.ON_BEHALF in caller.scopes:
        return
    raise PermissionDenied
