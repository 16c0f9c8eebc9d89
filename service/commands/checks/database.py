"""The database: whether it answers, and whether the login has the rights of a server and no more."""

from service.adapters.postgres.database import APPLICATION_ROLE
from service.adapters.postgres.examination import CannotConnect, Examination, Refusal, examine
from service.commands.checks.findings import Finding, ok, problem, skew, warning
from service.config import Settings
from service.ports.outside import Clock

OLDEST, TRIED = 16, 18
"""Before the first a role cannot be granted as the migrations do; the second is what the tests run on."""

_REFUSALS = {
    Refusal.AWAY: problem(
        "the database does not answer", "Check host and port in ME_IMAGES_DATABASE_URL, and that PostgreSQL runs there."
    ),
    Refusal.ADDRESS: problem(
        "ME_IMAGES_DATABASE_URL is no address of a database", "Write it as postgresql://user:password@host:port/name."
    ),
    Refusal.LOGIN: problem(
        "the database refuses the login", "Check user and password in ME_IMAGES_DATABASE_URL, and pg_hba.conf there."
    ),
    Refusal.NO_DATABASE: problem(
        "there is no database of that name", "Create it, then run `python -m service migrate` as its owner."
    ),
}
_MIGRATE = "Run `python -m service migrate` of this version, as the database's owner."
_ONE_ROLE = (
    f"Give the server a login of its own that has the role {APPLICATION_ROLE} and nothing else:"
    " deploy/postgres/roles.sql. The owner is for `migrate`."
)


async def check_database(settings: Settings, clock: Clock) -> list[Finding]:
    """Look at the database as the server's login."""
    before = clock.now()
    try:
        found = await examine(settings.database_url.get_secret_value())
    except CannotConnect as refused:
        return [_REFUSALS[refused.reason]]
    ours = before + (clock.now() - before) / 2
    return [
        *_server(found),
        *_login(found),
        *_schema(found),
        skew("the database", (found.now - ours).total_seconds()),
    ]


def _server(found: Examination) -> list[Finding]:
    judged = [ok(f"database: PostgreSQL {found.version} answers")]
    if found.version < OLDEST:
        judged = [problem(f"PostgreSQL {found.version} is too old", f"Use {TRIED}, or {OLDEST} at least.")]
    elif found.version < TRIED:
        judged = [warning(f"PostgreSQL {found.version} was not tried", f"The tests run on {TRIED}.")]
    if found.synchronous_commit != "on":
        judged.append(
            problem(
                f"synchronous_commit is {found.synchronous_commit}, although a server asks for on",
                "Let the pooler in between pass parameters on, or set it on for this role: a release must not be"
                " forgotten in a crash.",
            )
        )
    if found.fsync != "on":
        judged.append(problem("fsync is off: a crash of the database loses data", "Set fsync = on in postgresql.conf."))
    return judged


def _login(found: Examination) -> list[Finding]:
    if not found.has_role:
        return [problem(f"there is no role {APPLICATION_ROLE}", _MIGRATE)]
    if not found.takes_role:
        grant = f'GRANT {APPLICATION_ROLE} TO "{found.login}" WITH SET TRUE, INHERIT FALSE;'
        return [problem(f"the login {found.login} may not take the role {APPLICATION_ROLE}", grant)]
    if found.is_above_rules:
        return [warning(f"the login {found.login} is above row-level security, as a superuser is", _ONE_ROLE)]
    if found.owned:
        return [warning(f"the login {found.login} owns tables, and owners are above row-level security", _ONE_ROLE)]
    return [ok(f"login: {found.login} has the role {APPLICATION_ROLE}, and owns nothing")]


def _schema(found: Examination) -> list[Finding]:
    if found.schema is None:
        return [problem("there is no schema that the server may see", _MIGRATE)]
    if found.schema < found.newest:
        return [problem(f"the schema is version {found.schema}, and this server knows {found.newest}", _MIGRATE)]
    if found.schema > found.newest:
        said = f"the schema is version {found.schema}, newer than this server, which knows {found.newest}"
        return [problem(said, "Run the version of the server that made it, or a newer one.")]
    judged = [ok(f"schema: version {found.schema}, the newest")]
    if found.unprotected:
        tables = ", ".join(found.unprotected)
        remedy = "; ".join(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY" for name in found.unprotected)
        judged.append(problem(f"row-level security is off for {tables}", f"{remedy}; as the owner."))
    return judged
