"""The manifests of deploy/kubernetes: valid by Kubernetes' own schemas, and by our own policies."""

import copy
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from marketrank.cli import app

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
OVERLAYS = ("local", "eks")
VERSION = "1.37"
KUBECTL = shutil.which("kubectl")
Manifest = dict[str, Any]


@cache
def rendered(overlay: str) -> tuple[Manifest, ...]:
    """What `kubectl apply -k` would send."""
    if KUBECTL is None:
        pytest.skip("kubectl is not installed, which renders the overlays offline")
    done = subprocess.run(
        [KUBECTL, "kustomize", str(FOLDER / "overlays" / overlay)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def files() -> list[Path]:
    skipped = {"kustomization.yaml", "adapter-rules.yaml"}
    return sorted(path for path in FOLDER.rglob("*.yaml") if path.name not in skipped)


def pod_of(manifest: Manifest) -> Manifest | None:
    """The pod template of a workload."""
    spec = manifest.get("spec", {})
    if manifest["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec.get("template") if isinstance(spec, dict) else None


def workloads(manifests: tuple[Manifest, ...]) -> Iterator[tuple[Manifest, Manifest]]:
    for manifest in manifests:
        pod = pod_of(manifest)
        if pod is not None:
            yield manifest, pod


def problems(manifests: tuple[Manifest, ...]) -> list[str]:
    """What our policies forbid. (Pod security "restricted", and more.)"""
    found = []
    for manifest, pod in workloads(manifests):
        name, spec = f"{manifest['kind']} {manifest['metadata']['name']}", pod["spec"]
        own = spec.get("securityContext", {})
        if not own.get("runAsNonRoot") or own.get("runAsUser", 0) == 0:
            found.append(f"{name} may run as root")
        if own.get("seccompProfile") != {"type": "RuntimeDefault"}:
            found.append(f"{name} has no seccomp profile")
        if spec.get("automountServiceAccountToken") is not False:
            found.append(f"{name} gets a token of the cluster")
        if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
            found.append(f"{name} shares the host's name spaces")
        if any("hostPath" in volume for volume in spec.get("volumes", [])):
            found.append(f"{name} mounts the host's files")
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            found += [f"{name}: {what}" for what in _container(container)]
            if manifest["kind"] in {"Deployment", "StatefulSet"}:
                probes = ("startupProbe", "readinessProbe", "livenessProbe")
                found += [f"{name}: no {probe}" for probe in probes if probe not in container]
    return found


def _container(container: Manifest) -> Iterator[str]:
    own = container.get("securityContext", {})
    if not own.get("readOnlyRootFilesystem"):
        yield "its root file system can be written"
    if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
        yield "it may gain rights"
    if own.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "it has capabilities"
    for kind in ("requests", "limits"):
        lacks = {"cpu", "memory"} - set(container.get("resources", {}).get(kind, {}))
        if lacks:
            yield f"no {kind} of {', '.join(sorted(lacks))}"
    tag = container["image"].rpartition("/")[2].partition(":")[2]
    if not tag or tag == "latest":
        yield f"the image {container['image']} has no version"
    for variable in container.get("env", []):
        secret = re.search("PASSWORD|TOKEN|KEY|DATABASE_URL", variable["name"])
        if secret and "value" in variable:
            yield f"{variable['name']} is written out"


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_each_file_is_valid(path: Path) -> None:
    for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        kubernetes_validate.validate(manifest, VERSION, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlays_are_valid_and_keep_the_policies(overlay: str) -> None:
    for manifest in rendered(overlay):
        kubernetes_validate.validate(manifest, VERSION, strict=True)
        assert manifest["metadata"].get("namespace", "marketrank") == "marketrank"
    assert problems(rendered(overlay)) == []


def test_an_invalid_manifest_is_seen() -> None:
    broken = copy.deepcopy(rendered("eks"))
    deployment = next(one for one in broken if one["kind"] == "Deployment")
    deployment["spec"]["replicas"] = "two"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSION, strict=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda pod: pod["securityContext"].pop("runAsNonRoot"), "may run as root"),
        (lambda pod: pod["securityContext"].pop("seccompProfile"), "no seccomp profile"),
        (lambda pod: pod.pop("automountServiceAccountToken"), "gets a token"),
        (lambda pod: pod.update(hostNetwork=True), "shares the host"),
        (lambda pod: pod["volumes"].append({"hostPath": {"path": "/"}}), "mounts the host"),
        (lambda pod: pod["containers"][0].pop("securityContext"), "can be written"),
        (lambda pod: pod["containers"][0]["resources"].pop("limits"), "no limits of cpu, memory"),
        (lambda pod: pod["containers"][0].update(image="x/marketrank:latest"), "has no version"),
        (lambda pod: pod["containers"][0].update(image="host:5000/marketrank"), "has no version"),
        (lambda pod: pod["containers"][0].pop("livenessProbe"), "no livenessProbe"),
        (
            lambda pod: pod["containers"][0]["env"].append({"name": "A_TOKEN", "value": "x"}),
            "A_TOKEN is written out",
        ),
    ],
)
def test_each_policy_sees_its_violation(change: Any, said: str) -> None:
    manifests = copy.deepcopy(rendered("eks"))
    deployments = [one for one in manifests if one["kind"] == "Deployment"]
    api = next(one for one in deployments if one["metadata"]["name"] == "marketrank-api")
    change(api["spec"]["template"]["spec"])
    found = problems(manifests)
    assert any(said in one for one in found), found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_select_something(overlay: str) -> None:
    manifests = rendered(overlay)
    labels = [pod["metadata"]["labels"] for _, pod in workloads(manifests)]

    def matches(selector: Manifest) -> bool:
        wanted = selector.get("matchLabels", selector).items()
        return any(wanted <= given.items() for given in labels)

    for manifest in manifests:
        spec = manifest.get("spec", {})
        if manifest["kind"] == "NetworkPolicy":
            assert matches(spec["podSelector"]), manifest["metadata"]["name"]
        if manifest["kind"] in {"Service", "PodDisruptionBudget"}:
            assert matches(spec["selector"]), manifest["metadata"]["name"]
        if manifest["kind"] == "HorizontalPodAutoscaler":
            named = {(one["kind"], one["metadata"]["name"]) for one in manifests}
            target = spec["scaleTargetRef"]
            assert (target["kind"], target["name"]) in named


def test_every_pod_that_is_started_is_denied_what_is_not_named() -> None:
    (deny,) = [one for one in rendered("eks") if one["metadata"]["name"] == "marketrank-deny"]
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_containers_call_commands_that_there_are(overlay: str) -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    checked = 0
    sleeping = {
        manifest["metadata"]["name"]
        for manifest, _ in workloads(rendered(overlay))
        if manifest["spec"].get("suspend")
    }
    assert sleeping <= {"marketrank-refresh"}  # where there is no feed
    for manifest, pod in workloads(rendered(overlay)):
        if manifest["spec"].get("suspend"):
            continue
        for container in pod["spec"]["containers"]:
            if not container["image"].startswith("marketrank-"):
                continue
            command, rest = commands.get(container["args"][0]), container["args"][1:]
            while command is not None and hasattr(command, "commands"):
                command, rest = command.commands.get(rest[0]), rest[1:]
            assert command is not None, shlex.join(container["args"])
            known = {option for parameter in command.params for option in parameter.opts}
            given = {part.partition("=")[0] for part in rest if part.startswith("--")}
            assert given <= known, container["args"]
            checked += 1
    assert checked >= 6


def test_all_parts_are_there() -> None:
    kinds = {(one["kind"], one["metadata"]["name"]) for one in rendered("eks")}
    assert {
        ("Deployment", "marketrank-api"),
        ("Deployment", "marketrank-worker"),
        ("HorizontalPodAutoscaler", "marketrank-api"),
        ("PodDisruptionBudget", "marketrank-api"),
        ("Job", "marketrank-migrations"),
        ("PersistentVolumeClaim", "marketrank-home"),
        *(("CronJob", f"marketrank-{name}") for name in ("refresh", "retrain", "drift", "erase")),
    } <= kinds
    space = next(one for one in rendered("eks") if one["kind"] == "Namespace")
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
