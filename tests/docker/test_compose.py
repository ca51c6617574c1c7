"""The images and compose.yaml, built and run for real. `make test-docker` runs this; it takes some
minutes, a Docker engine and images to start from (see deploy/docker/stand-ins/make.sh)."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "docker" / "compose.yaml"
DOCKER = os.environ.get("DOCKER", "docker")
SERVE = os.environ.get("SERVE_IMAGE", "marketrank-serve:dev")
TRAIN = os.environ.get("TRAIN_IMAGE", "marketrank-train:dev")
UID = 10001
PORT, PROMETHEUS_PORT = 18480, 18490


def unavailable() -> str:
    """Why this cannot run; empty where it can."""
    if not os.environ.get("TEST_DOCKER"):
        return "not asked for: make test-docker"
    if shutil.which(DOCKER) is None or shutil.which("docker-compose") is None:
        return "docker and docker-compose are not installed"
    done = subprocess.run([DOCKER, "info"], capture_output=True, text=True, check=False)
    if done.returncode or "Cannot connect" in done.stdout + done.stderr:
        return f"no Docker engine answers: {done.stderr.strip()[:200]}"
    return ""


pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())


def docker(*arguments: str) -> str:
    done = subprocess.run([DOCKER, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def say(what: str) -> None:
    print(f"  {what}", flush=True)


@pytest.mark.parametrize(("image", "limit"), [(SERVE, 700), (TRAIN, None)])
def test_size_and_user(image: str, limit: int | None) -> None:
    size = int(docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6
    say(f"{image}: {size:.0f} MB")
    assert limit is None or size <= limit
    user = docker("image", "inspect", "--format", "{{.Config.User}}", image)
    assert user.split(":")[0] not in {"", "0", "root"}


def test_the_serving_image_has_no_torch_and_no_pip() -> None:
    code = (
        "import importlib.util as u, sys; "
        "sys.exit(any(u.find_spec(n) for n in ('torch', 'pip', 'transformers')))"
    )
    docker("run", "--rm", "--entrypoint", "python3", SERVE, "-c", code)


class Stack:
    """A compose project of the test's own, with its home folder on this machine."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        for path in (self.home, self.home / "text", self.home / "keys"):
            path.mkdir()
            os.chown(path, UID, UID)
        self.environment = {
            **os.environ,
            "POSTGRES_PASSWORD": "made-up",
            "MARKETRANK_FOLDER": str(self.home),
            "PORT": str(PORT),
            "PROMETHEUS_PORT": str(PROMETHEUS_PORT),
            "SERVE_IMAGE": SERVE,
            "TRAIN_IMAGE": TRAIN,
        }

    def compose(self, *arguments: str) -> str:
        command = ["docker-compose", "--project-name", "marketrank-test", "--file", str(COMPOSE)]
        done = subprocess.run(
            [*command, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "-q", service).split()

    def healthy(self, service: str, n: int = 1) -> bool:
        form = "{{.State.Health.Status}}"
        found = self.containers(service)
        states = [docker("inspect", "--format", form, name) for name in found]
        return states.count("healthy") >= n


def search(text: str = "table", port: int = PORT) -> dict[str, object]:
    url = f"http://127.0.0.1:{port}/v1/search?q={text}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        found: dict[str, object] = json.load(answer)
    return found


def wait_for(condition: object, seconds: float, what: str) -> float:
    start = time.monotonic()
    while True:
        try:
            if condition():  # type: ignore[operator]
                return time.monotonic() - start
        except (OSError, KeyError, ValueError):
            pass
        assert time.monotonic() - start < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """From nothing to a served search."""
    folder = Path(tempfile.mkdtemp(prefix="marketrank-docker-"))
    folder.chmod(0o755)
    running = Stack(folder)
    try:
        start = time.monotonic()
        running.compose("up", "-d", "postgres")
        wait_for(lambda: running.healthy("postgres"), 120, "postgres")
        say(f"database healthy after {time.monotonic() - start:.1f} s")
        # The first encoder and a made-up market: the only step that needs torch.
        running.compose("run", "--rm", "train", "demo", "--no-serve", "--listings", "120")
        say(f"market made, embedded and indexed after {time.monotonic() - start:.1f} s")
        up = time.monotonic()
        running.compose("up", "-d")
        wait_for(lambda: search()["total"], 180, "a search")
        say(f"search served {time.monotonic() - up:.1f} s after `up`")
        say(f"from nothing to a served search: {time.monotonic() - start:.1f} s")
        wait_for(lambda: running.healthy("api") and running.healthy("worker"), 120, "health")
        yield running
    finally:
        print(running.compose("logs", "--no-color", "--tail", "15"))
        running.compose("down", "--volumes", "--timeout", "5")
        shutil.rmtree(folder)


def test_a_search_is_served_through_the_proxy(stack: Stack) -> None:
    found = search("oak")
    assert found["items"]
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/?q=table", timeout=30) as page:
        assert b"marketrank" in page.read()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=30)


def test_containers_can_do_little(stack: Stack) -> None:
    (api,) = stack.containers("api")
    assert docker("exec", api, "id", "-u") == str(UID)
    for path in ("/file", "/opt/venv/file", "/var/lib/marketrank/file"):
        with pytest.raises(AssertionError, match="Read-only"):
            docker("exec", api, "touch", path)
    status = docker("exec", api, "cat", "/proc/1/status")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert docker("exec", api, "cat", "/proc/1/comm") == "tini"


def test_two_processes_share_the_work_and_one_may_die(stack: Stack) -> None:
    stack.compose("up", "-d", "--scale", "api=2", "--no-recreate")
    wait_for(lambda: stack.healthy("api", 2), 180, "a second api")
    wait_for(lambda: len(targets_up("marketrank-api")) == 2, 60, "Prometheus sees both")
    assert len(targets_up("marketrank-worker")) == 1
    for _ in range(40):
        search()
    counts = [served(name) for name in stack.containers("api")]
    say(f"searches by process: {counts}")
    assert min(counts) > 5
    with Load() as load:
        time.sleep(1)
        docker("kill", stack.containers("api")[0])
        time.sleep(4)
    say(f"one of two killed: {load.done} requests, {load.failed} failed")
    assert load.done > 10
    assert load.failed <= 1  # the one that it was answering, at most
    stack.compose("up", "-d", "--scale", "api=2")
    wait_for(lambda: stack.healthy("api", 2), 180, "both again")


def test_a_published_release_is_taken_up_by_running_processes(stack: Stack) -> None:
    before = search()["release"]
    started = {started_at(name) for name in stack.containers("api")}
    with Load() as load:
        # Only one process may index at a time: the worker rests while this one does.
        stack.compose("stop", "worker")
        stack.compose("run", "--rm", "train", "index", "--rebuild")
        published = time.monotonic()
        current = (stack.home / "releases" / "CURRENT").read_text().strip()
        assert current != before
        wait_for(lambda: all_answer(stack, current), 60, "all processes have swapped")
        took = time.monotonic() - published
        stack.compose("start", "worker")
    say(f"swapped {took:.1f} s after it was published, in {load.done} requests of which")
    say(f"{load.failed} failed; releases named: {len(load.releases)}")
    assert load.failed == 0
    assert load.releases == {before, current}
    assert {started_at(name) for name in stack.containers("api")} == started


def test_a_listing_that_comes_in_is_found(stack: Stack) -> None:
    feed = stack.home / "feed.csv"
    feed.write_text(
        "id,title,category,description,price,location\n"
        'x1,Quagga lamp,Home & Garden,A lamp,£10.00,"Bath, Somerset"\n',
        encoding="utf-8",
    )
    stack.compose("run", "--rm", "train", "ingest", "--products", "/var/lib/marketrank/feed.csv")
    took = wait_for(lambda: search("quagga")["total"], 60, "the new listing")
    say(f"a new listing was found {took:.1f} s after its ingest had ended")


def test_a_backup_is_made_while_all_runs(stack: Stack) -> None:
    folder = stack.home.parent / "backups"
    folder.mkdir()
    os.chown(folder, UID, UID)
    stack.compose("run", "--rm", "-v", f"{folder}:/backups", "train", "backup", "/backups/one")
    facts = json.loads((folder / "one" / "backup.json").read_text())
    assert {"keys", "text"} <= set(facts["left_out"])
    say(f"backup: {facts['bytes'] / 1e6:.0f} MB")


def test_logs_do_not_tell_what_was_searched_for(stack: Stack) -> None:
    logs = stack.compose("logs", "--no-color")
    assert "q=table" not in logs
    assert "quagga" not in logs


def test_alert_rules_are_loaded(stack: Stack) -> None:
    url = f"http://127.0.0.1:{PROMETHEUS_PORT}/api/v1/rules"
    with urllib.request.urlopen(url, timeout=10) as answer:
        groups = json.load(answer)["data"]["groups"]
    assert {group["name"] for group in groups} == {"marketrank", "marketrank-recorded"}


def targets_up(job: str) -> list[str]:
    url = f"http://127.0.0.1:{PROMETHEUS_PORT}/api/v1/query?query=up"
    with urllib.request.urlopen(url, timeout=10) as answer:
        found = json.load(answer)["data"]["result"]
    return [
        one["metric"]["instance"]
        for one in found
        if one["metric"]["job"] == job and one["value"][1] == "1"
    ]


def inside(container: str, path: str) -> str:
    code = (
        "import sys, urllib.request; "
        f"print(urllib.request.urlopen('http://127.0.0.1:8080{path}', timeout=20).read().decode())"
    )
    return docker("exec", container, "python3", "-S", "-c", code)


def served(container: str) -> int:
    name = 'request_seconds_count{method="GET",route="/v1/search",status="2xx"}'
    lines = [line for line in inside(container, "/metrics").splitlines() if name in line]
    return int(float(lines[0].split()[-1])) if lines else 0


def all_answer(stack: Stack, release: str) -> bool:
    return all(release in inside(name, "/readyz") for name in stack.containers("api"))


def started_at(container: str) -> str:
    return docker("inspect", "--format", "{{.State.StartedAt}}", container)


class Load:
    """Searches in a thread for as long as the block runs."""

    def __init__(self) -> None:
        self.done, self.failed = 0, 0
        self.releases: set[object] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.releases.add(search()["release"])
            except OSError as error:
                say(f"failed: {error!r}")
                self.failed += 1
            self.done += 1

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
