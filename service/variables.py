"""The variables that settings are read from: what is wrong with them, all at once, and the table of them."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

from pydantic import ValidationError

from service.config import PREFIX, Settings

OTHERS = frozenset(
    PREFIX + name
    for name in (
        "WORKER_OF",  # a supervisor's, for its workers
        *("USER_ID", "USER_TOKEN", "SERVICE_TOKEN", "CA_FILE", "TOKEN"),  # what clients read, and dev.env sets
        *("IMAGE", "DATABASE_PASSWORD"),  # what deploy/ is filled in with
    )
)
"""Variables of ours that are no settings: a server may be started from a shell that has them."""

_KUBERNETES = re.compile(f"{PREFIX}(SERVICE_(HOST|PORT)|PORT(_|$))")
_HINT = "Kubernetes sets it after a Service of this name; say `enableServiceLinks: false` in the pod"


class UnusableSettings(Exception):
    """What is wrong with the variables, each in a sentence of its own that names it and never its value."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def read_settings(make: Callable[[], Settings] = Settings) -> Settings:
    """Return the settings as they are made of the variables. Raises UnusableSettings."""
    unknown = unknown_variables(os.environ)
    try:
        settings = make()
    except ValidationError as error:
        raise UnusableSettings([*problems_of(error), *unknown]) from None
    if unknown:
        raise UnusableSettings(unknown)
    return settings


def require_known_variables() -> None:
    """Raise UnusableSettings where there is a variable of our prefix that nothing reads."""
    if unknown := unknown_variables(os.environ):
        raise UnusableSettings(unknown)


def unknown_variables(names: Iterable[str]) -> list[str]:
    """Return a sentence for each name with our prefix that is neither a setting nor one of the others."""
    known = [*(PREFIX + name.upper() for name in Settings.model_fields), *sorted(OTHERS)]
    ours = sorted(name for name in names if name.upper().startswith(PREFIX) and name.upper() not in known)
    return [f"{name} is not a setting{_advice(name, known)}" for name in ours]


def problems_of(error: ValidationError) -> list[str]:
    """Return a sentence for each setting that is wrong."""
    found = []
    for problem in error.errors(include_input=False, include_url=False):
        name = PREFIX + "_".join(str(part) for part in problem["loc"]).upper()
        wrong = "is not set" if problem["type"] == "missing" else f"is wrong: {problem['msg']}"
        found.append(f"{name} {wrong}.")
    return found


def _advice(name: str, known: Iterable[str]) -> str:
    """The nearest name: without the prefix, which all have in common."""
    if _KUBERNETES.match(name):
        return f". {_HINT}."
    nearest = get_close_matches(name.upper().removeprefix(PREFIX), [each.removeprefix(PREFIX) for each in known], 1)
    return f"; did you mean {PREFIX}{nearest[0]}?" if nearest else "."


def settings_table() -> str:
    """Return all settings as a Markdown table, as the README shows it."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "required" if field.is_required() else _shown(field.default)
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def _shown(default: object) -> str:
    if default is None:
        return "unset"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
