"""Processes that end with those that they work for, which are killed with SIGKILL."""

import subprocess
import sys
import time

import psutil
import pytest

from marketrank.pipelines.end_with import ENDED

# Each says who it is, and then waits as one that waits for another process does.
WORKER = """
import os, sys, time
from marketrank.pipelines.end_with import end_with
end_with([os.getppid(), int(sys.argv[1])], look=0.05)
print(os.getpid(), flush=True)
time.sleep(60)
"""
STARTER = f"""
import subprocess, sys
sys.exit(subprocess.run([sys.executable, "-c", {WORKER!r}, sys.argv[1]]).returncode)
"""


def start(asked_by: int) -> tuple[subprocess.Popen[str], psutil.Process]:
    """One that starts a worker for another one, and the worker."""
    command = [sys.executable, "-c", STARTER, str(asked_by)]
    starter = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    return starter, psutil.Process(int(starter.stdout.readline()))


@pytest.fixture
def asking() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def test_a_worker_ends_with_its_parent(asking: subprocess.Popen[bytes]) -> None:
    starter, worker = start(asking.pid)
    time.sleep(0.2)
    assert worker.is_running()
    starter.kill()
    worker.wait(10)
    asking.kill()
    asking.wait(10)


def test_a_worker_ends_with_the_one_that_asked(asking: subprocess.Popen[bytes]) -> None:
    """Of which nobody has asked how it ended."""
    starter, worker = start(asking.pid)
    time.sleep(0.2)
    assert worker.is_running()
    asking.kill()
    assert starter.wait(10) == ENDED
    assert not worker.is_running()
    asking.wait(10)


def test_one_that_is_gone_before_is_noticed() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(10)
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(gone.pid)])
    assert worker.wait(10) == ENDED
