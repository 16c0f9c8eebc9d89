"""Which methods there are, and the scope that each needs; a method that is missing here is refused."""

from collections.abc import Mapping

from service.domain.callers import Scope

ME_IMAGE_SERVICE = "meimage.v1.MeImageService"

SCOPES: Mapping[str, Scope] = {
    f"/{ME_IMAGE_SERVICE}/UploadMeImage": Scope.WRITE,
    f"/{ME_IMAGE_SERVICE}/CreateMeImage": Scope.WRITE,
    f"/{ME_IMAGE_SERVICE}/GetMeImage": Scope.READ,
    f"/{ME_IMAGE_SERVICE}/ListMeImages": Scope.READ,
    f"/{ME_IMAGE_SERVICE}/DownloadMeImage": Scope.READ,
}

_OPEN_SERVICES = (
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
)


def is_open(method: str) -> bool:
    """Whether a method answers without a token: health always, reflection where it is switched on."""
    return method.startswith(_OPEN_SERVICES)
