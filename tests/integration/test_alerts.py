"""Alert rules and the dashboard: they ask for metrics that there are, and fire when they should."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from time import perf_counter

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from marketrank.asking import Request
from marketrank.monitoring.metrics import Metrics
from marketrank.types import ModelVersion, ReleaseId, RequestId
from small_market import NOW, small_market

FOLDER = Path(__file__).parents[2] / "deploy" / "monitoring"
ALERTS = FOLDER / "alerts.yaml"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian: apt-get install prometheus)"
)


def rules() -> list[dict[str, object]]:
    return [
        rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
    ]


def dashboard_expressions() -> list[str]:
    panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def measured() -> set[str]:
    """The names of all series that a process which does everything has."""
    metrics = Metrics()
    asked = Request(RequestId("r"), NOW, text="oak")
    with metrics.request(0):
        metrics.answered(asked, small_market().answer(asked))
    metrics.served("/v1/search", "GET", 200, perf_counter())
    metrics.serves(ReleaseId("r"), ModelVersion("m"), 1, False)
    metrics.lags("words", 0.0)
    metrics.refused("release")
    metrics.drifted({("words", "words"): 0.5}, 0, 1.0)
    metrics.retrained("failed", 1.0)
    metrics.indexed(texts=1, embedded=1, released=True, at=1.0)
    families = text_string_to_metric_families(metrics.render().decode())
    return {sample.name for family in families for sample in family.samples}


def test_only_metrics_that_there_are_are_asked_for() -> None:
    recorded = {str(rule["record"]) for rule in rules() if "record" in rule}
    known = measured() | recorded
    asked = [str(rule["expr"]) for rule in rules()] + dashboard_expressions()
    names = {
        name for text in asked for name in re.findall(r"\b(?:marketrank|process)[_:]\w[\w:]*", text)
    }
    assert len(names) > 15
    assert names <= known


@pytest.mark.parametrize(
    "path",
    ["docs/deploy.md", "deploy/kubernetes/adapter-rules.yaml"],
    ids=["documentation", "autoscaler"],
)
def test_metrics_are_named_as_they_are(path: str) -> None:
    recorded = {str(rule["record"]) for rule in rules() if "record" in rule}
    # Of a histogram or a counter pages name the whole, without its series' endings.
    known = recorded | {re.sub("_(bucket|count|sum|created)$", "", name) for name in measured()}
    text = (FOLDER.parents[1] / path).read_text()
    names = set(re.findall(r"\bmarketrank[_:][a-z_:0-9]+", text))
    given = set(re.findall(r"\bas: (\w+)", text))  # the autoscaler's own
    assert names - given
    assert names - given <= known | measured()


def test_every_alert_says_what_to_do_and_is_tested() -> None:
    tests = (FOLDER / "alerts_test.yaml").read_text()
    for rule in rules():
        if "alert" in rule:
            assert set(rule["annotations"]) == {"summary", "remedy"}  # type: ignore[arg-type]
            assert re.search(rf"alertname: {rule['alert']}\n\s+exp_alerts:", tests), rule["alert"]


@needs_promtool
def test_alerts_fire_when_they_should_and_not_otherwise() -> None:
    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", str(FOLDER / "alerts_test.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_the_dashboard_asks_in_promql(tmp_path: Path) -> None:
    recorded = [
        {"record": f"test:panel_{number}", "expr": text}
        for number, text in enumerate(dashboard_expressions())
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    done = subprocess.run(
        [str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
