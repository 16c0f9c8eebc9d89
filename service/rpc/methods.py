"""Which methods there are, and the scope that each needs; a method that is missing here is refused."""

from collections.abc import Mapping

from service.domain.callers import Scope

ME_IMAGE_SERVICE = "meimage.v1.MeImageService"
REFERENCE_SERVICE = "meimage.v1.ReferenceService"
ADMIN_SERVICE = "meimage.v1.AdminService"

SCOPES: Mapping[str, Scope] = {
    f"/{ME_IMAGE_SERVICE}/UploadMeImage": Scope.WRITE,
    f"/{ME_IMAGE_SERVICE}/CreateMeImage": Scope.WRITE,
    f"/{ME_IMAGE_SERVICE}/GetMeImage": Scope.READ,
    f"/{ME_IMAGE_SERVICE}/ListMeImages": Scope.READ,
    f"/{ME_IMAGE_SERVICE}/DownloadMeImage": Scope.READ,
    f"/{ME_IMAGE_SERVICE}/UpdateMeImage": Scope.WRITE,
    f"/{ME_IMAGE_SERVICE}/SetAiReferenceEnabled": Scope.WRITE,
    f"/{ME_IMAGE_SERVICE}/SetPrimary": Scope.WRITE,
    f"/{ME_IMAGE_SERVICE}/ClearPrimary": Scope.WRITE,
    f"/{ME_IMAGE_SERVICE}/GetPrimaryMeImage": Scope.READ,
    f"/{ME_IMAGE_SERVICE}/DeleteMeImage": Scope.WRITE,
    f"/{ME_IMAGE_SERVICE}/UndeleteMeImage": Scope.WRITE,
    f"/{ME_IMAGE_SERVICE}/GetAiSettings": Scope.READ,
    f"/{ME_IMAGE_SERVICE}/UpdateAiSettings": Scope.WRITE,
    f"/{ME_IMAGE_SERVICE}/ListLedgerEntries": Scope.READ,
    f"/{ME_IMAGE_SERVICE}/ListMeImageEvents": Scope.READ,
    f"/{ME_IMAGE_SERVICE}/WatchMeImages": Scope.READ,
    f"/{REFERENCE_SERVICE}/ListReferences": Scope.RELEASE,
    f"/{REFERENCE_SERVICE}/ListGenerators": Scope.RELEASE,
    f"/{REFERENCE_SERVICE}/ReleaseReferences": Scope.RELEASE,
    f"/{ADMIN_SERVICE}/VerifyLedger": Scope.ADMIN,
    f"/{ADMIN_SERVICE}/ExportUser": Scope.ADMIN,
    f"/{ADMIN_SERVICE}/EraseUser": Scope.ADMIN,
    f"/{ADMIN_SERVICE}/GetStatus": Scope.ADMIN,
}

CERTIFIED_SCOPES: frozenset[Scope] = frozenset({Scope.RELEASE, Scope.ADMIN})
"""Scopes that reach other people's photos or keys: a server may want their callers to show a certificate, too."""

FOR_EVERYBODY: Mapping[str, Scope] = {
    f"/{ME_IMAGE_SERVICE}/ListMeImageEvents": Scope.WATCH,
    f"/{ME_IMAGE_SERVICE}/WatchMeImages": Scope.WATCH,
    f"/{ADMIN_SERVICE}/VerifyLedger": Scope.ADMIN,
}
"""Methods that may name no user, and then are about all; that needs this scope instead."""

FOR_NOBODY = frozenset({f"/{REFERENCE_SERVICE}/ListGenerators", f"/{ADMIN_SERVICE}/GetStatus"})
"""Methods that are about no user."""

ENDLESS = frozenset(
    {f"/{ME_IMAGE_SERVICE}/WatchMeImages", f"/{ADMIN_SERVICE}/VerifyLedger", f"/{ADMIN_SERVICE}/ExportUser"}
)
"""Methods that go on for as long as the caller likes, or as there is something to do."""

TRANSFERS = frozenset(
    {
        f"/{ME_IMAGE_SERVICE}/UploadMeImage",
        f"/{ME_IMAGE_SERVICE}/DownloadMeImage",
        f"/{REFERENCE_SERVICE}/ReleaseReferences",
    }
)
"""Methods that move photos."""

_OPEN_SERVICES = (
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
)


def has_one_scope(method: str) -> bool:
    """Whether a method needs the same scope whomever it names, so that it is known before the request is."""
    return FOR_EVERYBODY.get(method) in {None, SCOPES.get(method)}


def is_open(method: str) -> bool:
    """Whether a method answers without a token: health always, reflection where it is switched on."""
    return method.startswith(_OPEN_SERVICES)
