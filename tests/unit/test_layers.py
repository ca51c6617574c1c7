"""The import direction of the design, read from the code."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "marketrank"

# A room may import rooms of its own floor or below.
ROOMS = {"listings", "retrieval", "ranking", "models", "storage", "simulate", "buyers", "feedback"}
KNOW_STORAGE = {"wiring", "wiring_stores", "wiring_models", "wiring_people", "cli"}
FLOORS = [
    {"types"},
    {"people", "asking"},
    {
        "errors",
        "ports",
        "config",
        "settings",
        "durable",
        "background",
        "access",
        "client",
        "jobs",
        "turns",
        "kept",
        "listening",
    },
    {"evaluation"},
    ROOMS | {"monitoring"},
    {
        "engine",
        "understanding",
        "filling",
        "finding",
        "shadow",
        "tuning",
        "session_facts",
        "personal",
        "explaining",
        "audience",
        "trials",
        "shown",
        "whereabouts",
    },
    {"pipelines"},
    {"election"},
    {"measuring"},
    {
        "wiring",
        "wiring_stores",
        "wiring_models",
        "wiring_search",
        "wiring_people",
        "wiring_personal",
        "wiring_drift",
        "api",
        "terminal",
        "operator_desk",
        "operator_runs",
        "operator_versions",
    },
    {"serving", "worker", "cli_home", "wiring_retrain"},
    {
        "cli_audit",
        "cli_buyers",
        "cli_deploy",
        "cli_drift",
        "cli_keys",
        "cli_learning",
        "cli_models",
        "cli_recommend",
        "cli_registry",
        "cli_relevance",
        "cli_retrain",
        "cli_signals",
        "cli_simulate",
    },
    {"cli"},
    {"__main__"},
]
# Rooms on the floor of `listings` know nothing of each other.
APART = ROOMS | {"monitoring"}
# Third-party modules and the only places that may import them.
HOMES = {
    "itsdangerous": {"api/signed.py"},
    "torch": {"models/"},
    "transformers": {"models/"},
    "sklearn": {"models/"},
    "onnxruntime": {"models/"},
    "faiss": {"retrieval/inverted_lists.py"},
    "tantivy": {"retrieval/text_index/"},
    "prometheus_client": {"monitoring/metrics.py"},
    "fastapi": {"api/", "serving.py"},
    "starlette": {"api/"},
    "sqlalchemy": {
        "storage/",
        "wiring.py",
        "wiring_stores.py",
        "wiring_people.py",
        "listings/sources.py",
        "listings/sql_source.py",
    },
    "psycopg": {"storage/"},
    "cryptography": {"storage/sealing.py"},
    "lightgbm": {"ranking/ltr.py", "buyers/recommend/trees.py"},
    "implicit": {"buyers/recommend/ials.py"},
    "ir_measures": {"evaluation/ranking_metrics.py"},
    "kfp": {"pipelines/kubeflow/"},
    "typer": {
        "cli.py",
        "cli_audit.py",
        "cli_buyers.py",
        "cli_deploy.py",
        "cli_drift.py",
        "cli_home.py",
        "cli_learning.py",
        "cli_keys.py",
        "cli_models.py",
        "cli_recommend.py",
        "cli_registry.py",
        "cli_relevance.py",
        "cli_retrain.py",
        "cli_signals.py",
        "cli_simulate.py",
    },
    "rich": {
        "cli.py",
        "cli_audit.py",
        "cli_buyers.py",
        "cli_learning.py",
        "cli_deploy.py",
        "cli_drift.py",
        "cli_keys.py",
        "cli_models.py",
        "cli_recommend.py",
        "cli_registry.py",
        "cli_relevance.py",
        "cli_retrain.py",
        "cli_signals.py",
        "cli_simulate.py",
        "terminal.py",
    },
}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "marketrank" and len(parts) > 1 else None


def violations(path: Path, imported: set[str]) -> list[str]:
    """Why these imports may not stand in this file."""
    name = path.relative_to(SOURCE).as_posix()
    own = name.split("/")[0].removesuffix(".py")
    floor = {each: level for level, rooms in enumerate(FLOORS) for each in rooms}
    bad = []
    for module in sorted(imported):
        other = room(module)
        if other in floor and own in floor and other != own:
            if floor[other] > floor[own]:
                bad.append(f"{name} imports {module} from a higher floor")
            if other in APART and own in APART:
                bad.append(f"{name} imports {module} from the room beside it")
            if other == "storage" and own not in KNOW_STORAGE:
                bad.append(f"{name} imports {module}: only wiring knows storage")
        homes = HOMES.get(module.split(".")[0])
        if homes and not any(name.startswith(home) for home in homes):
            bad.append(f"{name} imports {module}, whose home is {sorted(homes)}")
    return bad


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_imports_go_down(path: Path) -> None:
    assert violations(path, imports(path)) == []


def test_a_violation_is_seen() -> None:
    engine = SOURCE / "engine.py"
    assert violations(engine, {"marketrank.api.app"})
    assert violations(engine, {"marketrank.storage.postgres"})
    assert violations(engine, {"torch.nn"})
    assert violations(SOURCE / "listings" / "clean.py", {"marketrank.retrieval.query"})
    assert not violations(engine, {"marketrank.retrieval.fusion", "numpy"})


def test_every_room_has_a_floor() -> None:
    known = set().union(*FLOORS) | {"__init__"}
    assert {p.relative_to(SOURCE).parts[0].removesuffix(".py") for p in modules()} <= known
