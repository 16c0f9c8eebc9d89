"""What a caller may reach, before anything is known of whether it exists."""

import pytest

from service.domain.callers import USER_SCOPES, Caller, CallerKind, Scope, require_scope, require_user
from service.domain.errors import PermissionDenied
from service.domain.model import UserId

ADA, BEN = UserId("ada"), UserId("ben")


def user(*scopes: Scope) -> Caller:
    return Caller(CallerKind.USER, "ada", frozenset(scopes))


def service(*scopes: Scope) -> Caller:
    return Caller(CallerKind.SERVICE, "ada", frozenset(scopes))


@pytest.mark.parametrize(
    ("caller", "reached"),
    [
        (user(*USER_SCOPES), {ADA}),
        (user(), {ADA}),
        (user(Scope.ON_BEHALF), {ADA}),
        (service(), set()),
        (service(Scope.READ, Scope.WRITE), set()),
        (service(Scope.ON_BEHALF), {ADA, BEN}),
    ],
)
def test_whom_a_caller_may_name(caller: Caller, reached: set[UserId]) -> None:
    for user_id in (ADA, BEN, UserId("ADA"), UserId("ada "), UserId("")):
        if user_id in reached or (reached == {ADA, BEN}):
            require_user(caller, user_id)
        else:
            with pytest.raises(PermissionDenied):
                require_user(caller, user_id)


@pytest.mark.parametrize("needed", Scope)
def test_a_scope_is_held_or_not(needed: Scope) -> None:
    require_scope(service(needed), needed)
    with pytest.raises(PermissionDenied):
        require_scope(service(*(set(Scope) - {needed})), needed)


def test_a_users_own_token_never_acts_for_others() -> None:
    assert Scope.ON_BEHALF not in USER_SCOPES


def test_a_log_line_tells_users_from_services() -> None:
    assert str(user()) == "user:ada"
    assert str(service()) == "service:ada"
