"""What deploy/ holds, as those read it who run it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import yaml

from service.config import PREFIX, Settings
from tests.dev_process import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
MANIFESTS = DEPLOY / "kubernetes"
DASHBOARD = DEPLOY / "grafana" / "me-images.json"

Tree = dict[str, "Tree"] | list["Tree"] | str | int | float | bool | None


def at(tree: Tree, *path: str | int) -> Tree:
    """Return what lies at a path; fails where nothing does."""
    for step in path:
        tree = cast("dict[str | int, Tree]", tree)[step]
    return tree


def items(tree: Tree) -> dict[str, Tree]:
    """Return a mapping."""
    assert isinstance(tree, dict)
    return tree


def entries(tree: Tree) -> list[Tree]:
    """Return a list."""
    assert isinstance(tree, list)
    return tree


def read_yaml(path: Path) -> list[Tree]:
    """Return the documents of a file."""
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def documents() -> dict[tuple[str, str], Tree]:
    """Return all Kubernetes objects by kind and name."""
    found = [each for path in MANIFESTS.glob("*.yaml") for each in read_yaml(path)]
    named = [each for each in found if "metadata" in items(each)]
    return {(str(at(each, "kind")), str(at(each, "metadata", "name"))): each for each in named}


def pods() -> dict[str, Tree]:
    """Return the specifications of pods by kind of what makes them."""
    known = documents()
    return {
        "Deployment": at(known["Deployment", "me-images"], "spec", "template", "spec"),
        "Job": at(known["Job", "me-images-migrate"], "spec", "template", "spec"),
        "CronJob": at(known["CronJob", "me-images-audit"], "spec", "jobTemplate", "spec", "template", "spec"),
    }


def environment_of(container: Tree) -> dict[str, str]:
    """Return the variables of a container; what comes from a secret is named by it."""
    config = items(at(documents()["ConfigMap", "me-images"], "data"))
    own = {
        str(at(each, "name")): str(at(each, "valueFrom", "secretKeyRef", "key"))
        for each in entries(at(container, "env"))
    }
    return {name: str(value) for name, value in config.items()} | own


def unknown_settings(variables: dict[str, str]) -> set[str]:
    """Return names that are no settings."""
    return {name for name in variables if name.removeprefix(PREFIX).lower() not in Settings.model_fields}


def missing_settings(variables: dict[str, str]) -> set[str]:
    """Return required settings that are not set."""
    fields = Settings.model_fields.items()
    return {PREFIX + name.upper() for name, field in fields if field.is_required()} - set(variables)


def expressions() -> Iterator[str]:
    """Yield the dashboard's queries."""
    dashboard: Tree = json.loads(DASHBOARD.read_text("utf-8"))
    for panel in entries(at(dashboard, "panels")):
        for target in entries(items(panel).get("targets", [])):
            yield str(at(target, "expr"))


def metrics_in(expression: str) -> set[str]:
    """Return the metrics that a query names."""
    return set(re.findall(r"\bme_images_\w+", expression))
