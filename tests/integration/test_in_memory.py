"""`make test` runs in memory where there is room."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

SCRIPT = Path(__file__).parents[1] / "in-memory.sh"
WHERE = "import os, tempfile; print(tempfile.gettempdir()); open(tempfile.mkstemp()[1], 'w')"
limit = Path("/sys/fs/cgroup/memory.max")
needs_memory = pytest.mark.skipif(
    not Path("/proc/meminfo").exists()
    or psutil.virtual_memory().available < 8_200_000_000
    or (limit.exists() and limit.read_text().strip() != "max"),
    reason="not the memory for it",
)


def run(folder: Path, program: str, *, room: int = 1) -> subprocess.CompletedProcess[str]:
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    return subprocess.run(
        ["sh", SCRIPT, sys.executable, "-c", program],
        env={
            **os.environ,
            "TMPDIR": str(elsewhere),
            "MEMORY_FOLDER": str(folder),
            "MEMORY_ROOM_MB": str(room),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """Stands for /dev/shm."""
    folder = tmp_path / "shm"
    folder.mkdir()
    return folder


@needs_memory
def test_files_are_in_memory_and_go_when_all_passes(memory: Path) -> None:
    done = run(memory, WHERE)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).parent == memory
    assert list(memory.iterdir()) == []


@needs_memory
def test_what_a_failed_run_wrote_is_kept_and_named(memory: Path) -> None:
    done = run(memory, f"{WHERE}; raise SystemExit(3)")
    assert done.returncode == 3
    (kept,) = memory.iterdir()
    assert str(kept) in done.stderr
    assert len(list(kept.iterdir())) == 1


def test_without_room_they_stay_where_they_were(memory: Path) -> None:
    full = run(memory, WHERE, room=1_000_000_000)
    none = run(memory / "none", WHERE)
    for done in (full, none):
        assert done.returncode == 0
        assert Path(done.stdout.strip()).name == "elsewhere"
    assert run(memory, "raise SystemExit(3)", room=1_000_000_000).returncode == 3
