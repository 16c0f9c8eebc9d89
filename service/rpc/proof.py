"""What callers are known by: a token, and with some a certificate."""

from dataclasses import dataclass

from service.domain.callers import Caller
from service.domain.certificates import require_binding
from service.domain.errors import Unauthenticated
from service.ports.outside import Clock, TokenVerifier
from service.ports.transport import CertificateReader
from service.rpc.handlers import Context
from service.rpc.methods import CERTIFIED_SCOPES, SCOPES
from service.rpc.subjects import bearer_token
from service.rpc.transport import certificate_of


@dataclass(frozen=True, slots=True)
class Proof:
    """Tokens and certificates; ``certificates_needed`` asks for one where a scope reaches far (CERTIFIED_SCOPES)."""

    tokens: TokenVerifier
    certificates: CertificateReader
    certificates_needed: bool

    def needs_certificate(self, method: str) -> bool:
        """Whether nobody calls a method without a certificate."""
        return self.certificates_needed and SCOPES.get(method) in CERTIFIED_SCOPES

    async def caller_of(self, context: Context) -> Caller:
        """Return who calls. Raises Unauthenticated."""
        token = bearer_token(context)
        try:
            return self.tokens.verify(token)
        except Unauthenticated:
            if not await self.tokens.learned(token):
                raise
            return self.tokens.verify(token)

    def require_certificate(self, caller: Caller, context: Context, clock: Clock, *, needed: bool) -> None:
        """Raise Unauthenticated unless the caller shows the certificate that the token or the method asks for."""
        if needed or caller.bound_to is not None:
            certificate = certificate_of(context, self.certificates)
            require_binding(caller, certificate, needed=needed, now=clock.now().timestamp())
