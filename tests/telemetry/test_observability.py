"""What operators install: read by the tools that read it, and true about what agentmesh sends."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentmesh.telemetry import conventions as names
from agentmesh.telemetry.instruments import HISTOGRAM, INSTRUMENTS

FOLDER = Path(__file__).parents[2] / "observability"
PROMETHEUS = FOLDER / "prometheus"
DASHBOARDS = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))

_METRIC = re.compile(r"\b((?:agentmesh|gen_ai)_\w+)(?:\{([^}]*)\})?")
_BY = re.compile(r"\bby \(([^)]*)\)")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_SET_BY_PROMETHEUS = {"le", "job", "instance"}
_GRAFANA = {"$__rate_interval": "5m", "$__range": "1h", "$workflow": ".*"}


def known_metrics() -> dict[str, set[str]]:
    """Return the labels of all series there are, by name."""
    found = {}
    for made in INSTRUMENTS.values():
        labels = {label.replace(".", "_") for label in made.labels} | _SET_BY_PROMETHEUS
        ends = ("_bucket", "_sum", "_count") if made.kind == HISTOGRAM else ("",)
        found.update({made.prometheus_name + end: labels for end in ends})
    return found


def panels(dashboard: Path) -> Iterator[dict[str, Any]]:
    """Yield the panels of a dashboard."""
    yield from json.loads(dashboard.read_text(encoding="utf-8"))["panels"]


def queries() -> dict[str, str]:
    """Return all queries of dashboards and alerts, by where they are."""
    found = {}
    for dashboard in DASHBOARDS:
        for panel in panels(dashboard):
            for target in panel.get("targets", ()):
                found[f"{dashboard.name}: {panel['title']} {target['refId']}"] = target["expr"]
    rules = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))
    for group in rules["groups"]:
        found.update({f"alert {rule['alert']}": rule["expr"] for rule in group["rules"]})
    return found


def promtool(*words: str | Path, cwd: Path = PROMETHEUS) -> str:
    """Run promtool, which must agree."""
    tool = shutil.which("promtool")
    if tool is None:
        pytest.fail("promtool is missing; on Debian: apt-get install prometheus")
    done = subprocess.run(
        [tool, *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_every_metric_and_label_that_is_asked_for_exists() -> None:
    """In dashboards and alerts: names, labels that are matched, and labels that are kept."""
    known = known_metrics()
    asked = queries()
    assert len(asked) > 30
    for where, query in asked.items():
        labels: set[str] = set()
        for metric, matchers in _METRIC.findall(query):
            if metric.startswith("gen_ai_") and metric in set().union(*known.values()):
                continue  # a label
            assert metric in known, f"{where}: nothing is called {metric}"
            labels |= known[metric]
            assert set(_LABEL.findall(matchers)) <= known[metric], where
        for kept in _BY.findall(query):
            assert {label.strip() for label in kept.split(",")} <= labels, where


def test_every_metric_is_in_the_readme() -> None:
    """With its labels."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for made in INSTRUMENTS.values():
        labels = ", ".join(label.replace(".", "_") for label in made.labels if label != "workflow")
        assert f"| `{made.prometheus_name}` | {made.kind} | {labels} |" in text


def test_legends_and_texts_name_labels_that_are_there() -> None:
    """`{{label}}` in a legend, and `$labels` in an alert's text, are kept by the query."""
    for dashboard in DASHBOARDS:
        for panel in panels(dashboard):
            for target in panel.get("targets", ()):
                kept = {
                    label.strip() for by in _BY.findall(target["expr"]) for label in by.split(",")
                }
                assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= kept
    rules = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))
    known = known_metrics()
    for rule in rules["groups"][0]["rules"]:
        used = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
        (metric, *_) = [m for m, _ in _METRIC.findall(rule["expr"]) if m in known]
        assert used <= known[metric]


def test_prometheus_takes_its_configuration_and_the_alerts_strike() -> None:
    """By promtool: syntax, and the alerts' own tests."""
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml")
    assert "SUCCESS" in promtool("test", "rules", "alerts.test.yml")


def test_prometheus_takes_the_queries_of_the_dashboards(tmp_path: Path) -> None:
    """As recording rules, with Grafana's variables filled in."""
    rules = []
    for number, query in enumerate(queries().values()):
        text = query
        for name, value in _GRAFANA.items():
            text = text.replace(name, value)
        rules.append({"record": f"agentmesh:query_{number}", "expr": text})
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))

    assert f"{len(rules)} rules found" in promtool("check", "rules", file, cwd=tmp_path)


def test_dashboards_are_whole() -> None:
    """Each panel says what it shows; places do not overlap; ids are unique."""
    for dashboard in DASHBOARDS:
        taken: set[tuple[int, int]] = set()
        ids = [panel["id"] for panel in panels(dashboard)]
        assert len(ids) == len({*ids})
        for panel in panels(dashboard):
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, panel["title"]
            assert place["x"] + place["w"] <= 24
            assert panel["type"] == "row" or panel["description"]
            taken |= cells


@pytest.mark.parametrize("extra", [(), ("otel-collector-langfuse.yaml",)])
def test_the_collector_knows_all_that_its_pipelines_name(extra: tuple[str, ...]) -> None:
    """And names all that it knows; memory is limited first, and batches are made last."""
    whole: dict[str, Any] = {}
    for file in ("otel-collector.yaml", *extra):
        _merge(whole, yaml.safe_load((FOLDER / file).read_text(encoding="utf-8")))
    pipelines = whole["service"]["pipelines"].values()
    for part in ("receivers", "processors", "exporters"):
        assert {name for pipeline in pipelines for name in pipeline[part]} == set(whole[part])
    assert set(whole["service"]["extensions"]) == set(whole["extensions"])
    for pipeline in pipelines:
        assert pipeline["processors"][0] == "memory_limiter"
        assert pipeline["processors"][-1] == "batch"


def test_the_collector_keeps_all_content_from_who_may_not_read_it() -> None:
    """Each attribute that can have what was said is deleted on the way to Jaeger."""
    config = yaml.safe_load((FOLDER / "otel-collector.yaml").read_text(encoding="utf-8"))
    deleted = {
        action["key"]
        for action in config["processors"]["attributes/without_content"]["actions"]
        if action["action"] == "delete"
    }
    assert deleted == {
        names.INPUT_MESSAGES,
        names.OUTPUT_MESSAGES,
        names.SYSTEM_INSTRUCTIONS,
        names.TOOL_DEFINITIONS,
        names.TOOL_ARGUMENTS,
        names.TOOL_RESULT,
        names.INPUT_VALUE,
        names.OUTPUT_VALUE,
    }


def test_the_collector_masks_keys_and_addresses() -> None:
    """Its patterns are regular expressions that mean what they say."""
    config = yaml.safe_load((FOLDER / "otel-collector.yaml").read_text(encoding="utf-8"))
    patterns = [re.compile(one) for one in config["processors"]["redaction"]["blocked_values"]]
    secrets = (
        "sk-proj-abcdefghijklmnopqrstuv",
        "Authorization: Bearer abcdefghijklmnopqrstuvwx",
        "AKIAABCDEFGHIJKLMNOP",
        "ada@example.org",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh",
    )
    for secret in secrets:
        assert any(pattern.search(secret) for pattern in patterns), secret
    assert not any(pattern.search("process Writer, agent Writer/w1@118") for pattern in patterns)


def test_containers_find_their_files_and_listen_to_this_machine_only() -> None:
    """Every file that is mounted exists; every port is bound to the loopback address."""
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or (FOLDER / source).exists(), source
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_the_manifest_keeps_the_journal_and_runs_the_ray_that_is_supported() -> None:
    """The store is on the claim, in all pods; a failed job is not started as another run."""
    text = (FOLDER / "kubernetes" / "rayjob.yaml").read_text(encoding="utf-8")
    claim, job = yaml.safe_load_all(text)
    spec = job["spec"]
    project = (FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8")
    environment = yaml.safe_load(spec["runtimeEnvYAML"])["env_vars"]
    cluster = spec["rayClusterSpec"]
    pods = [
        group["template"]["spec"]
        for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])
    ]

    assert f"ray[default]>={cluster['rayVersion'].rpartition('.')[0]}" in project
    assert spec["backoffLimit"] == 0
    for pod in pods:
        (mount,) = pod["containers"][0]["volumeMounts"]
        assert environment["AGENTMESH_STORE"] == mount["mountPath"]
        assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def _merge(whole: dict[str, Any], part: dict[str, Any]) -> None:
    """Merge configurations as the collector does: maps by key, all else replaced."""
    for key, value in part.items():
        if isinstance(value, dict) and isinstance(whole.get(key), dict):
            _merge(whole[key], value)
        else:
            whole[key] = value
