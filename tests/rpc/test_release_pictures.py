"""What image models refuse is released as what they take: every odd photo, as every rendition, end to end."""

import pytest
from meimage.v1 import reference_service_pb2 as rpc

from service.domain.model import Rendition
from service.rpc.enums import RENDITIONS
from tests.conftest import Served
from tests.odd_pictures import ODD_PICTURES, REFUSED_PICTURES, OddPicture
from tests.people import Person, refused
from tests.releases import Studio, opted_in, studio, whole
from tests.renditions import LONGEST, distance, photo_in, quadrants
from tests.stored import Stored
from tests.tokens import Issuer


@pytest.fixture
def wardrobe(served: Served, issuer: Issuer) -> Studio:
    return studio(served, issuer)


@pytest.fixture
def generators(served: Served) -> dict[Rendition, str]:
    """A generator for each rendition that the registry names."""
    return {each.rendition: each.generator_id for each in served.built.world.generators.values()}


def test_the_registry_names_every_reference(generators: dict[Rendition, str]) -> None:
    assert set(generators) == set(LONGEST) == set(Rendition) - {Rendition.WEBP_320}


@pytest.mark.parametrize("odd", ODD_PICTURES, ids=lambda odd: odd.name)
async def test_it_is_released_upright_plain_and_in_its_colours(
    alice: Person, wardrobe: Studio, generators: dict[Rendition, str], odd: OddPicture
) -> None:
    made = (await alice.upload(odd.make(), opted_in())).me_image
    for rendition, generator in generators.items():
        request = rpc.ReleaseReferencesRequest(
            user_id=alice.user_id, me_image_ids=[made.me_image_id], generator=generator
        )
        released = await whole(wardrobe.messages(request))
        assert RENDITIONS[released.release.images[0].rendition] is rendition
        shown = photo_in(rendition, released.images[0], odd.size)
        assert distance(quadrants(shown), odd.colours) <= odd.tolerance


@pytest.mark.parametrize("odd", REFUSED_PICTURES, ids=lambda odd: odd.name)
async def test_what_cannot_be_decoded_is_refused_when_it_comes_in(
    alice: Person, stored: Stored, odd: OddPicture
) -> None:
    assert (await refused(alice.upload(odd.make(), opted_in()))).reason == "UNDECODABLE_IMAGE"
    assert await stored.rows(alice.user_id) == {}
