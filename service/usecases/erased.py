"""Telling a user who is erased from one who has nothing, where an answer would be empty."""

from service.domain.model import UserId
from service.usecases.world import World


async def refuse_erased(world: World, user_id: UserId) -> None:
    """Raise UserErased for a user who is erased.

    Whatever finds something needs no such question: of an erased user nothing is found.
    """
    await world.store.user_key(user_id)
