"""A shell in which the commands of the documentation are run: bash, where `marketrank` is called
in this process (a command takes seconds less so), but for `serve`, which is a server of its own."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from marketrank.cli import app
from marketrank.errors import MarketrankError

_ADDRESS = "http://127.0.0.1:8080"  # as the pages write it
_CALL = """#!{python} -SI
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.connect({door!r})
    door.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
    door.shutdown(socket.SHUT_WR)
    told = b"".join(iter(lambda: door.recv(65536), b""))
code, out, error = json.loads(told)
sys.stdout.write(out)
sys.stderr.write(error)
sys.exit(code)
"""
# A page's curl is for people, who see an error; here an error has to end the page.
_CURL = "fail-with-body\nsilent\nshow-error\nmax-time = 60\n"


class Shell:
    """Runs pages in one folder, with one home and one server for all of them."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._door = socket.socket(socket.AF_UNIX)
        own = folder.parent / "shell"
        (own / "bin").mkdir(parents=True)
        self._door.bind(str(own / "door"))
        self._door.listen()
        self._door.settimeout(0.05)
        call = own / "bin" / "marketrank"
        call.write_text(_CALL.format(python=sys.executable, door=str(own / "door")))
        call.chmod(0o755)
        (own / ".curlrc").write_text(_CURL)
        self._own = own
        self._environment = {
            **os.environ,
            **environment,
            "PATH": f"{own / 'bin'}:{os.environ['PATH']}",
            "CURL_HOME": str(own),
            "NO_PROXY": "127.0.0.1",
            "COLUMNS": "120",
        }
        self._server: subprocess.Popen[bytes] | None = None
        self.calls: list[list[str]] = []
        """What `marketrank` was called with, in order."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{free.getsockname()[1]}"

    def run(self, script: str, *, seconds: float = 90) -> tuple[int, str]:
        """The exit status of a script and all that it printed. It ends with the first command
        that fails."""
        asked = "set -euo pipefail\n" + script.replace(_ADDRESS, self.address)
        log = self._own / "log"
        with log.open("wb") as out:
            bash = subprocess.Popen(
                ["bash", "-c", asked],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            until = time.monotonic() + seconds
            while bash.poll() is None:
                with contextlib.suppress(TimeoutError):
                    self._answer(self._door.accept()[0])
                if time.monotonic() > until:
                    bash.kill()
        return bash.wait(), log.read_text(errors="replace")

    def close(self) -> None:
        self._door.close()
        if self._server is not None:
            self._server.terminate()
            try:
                self._server.wait(20)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()

    def _answer(self, caller: socket.socket) -> None:
        with caller:
            caller.settimeout(10)
            arguments, folder, environment = json.loads(b"".join(_received(caller)))
            self.calls.append(arguments)
            if arguments[:1] == ["serve"] and "--help" not in arguments:
                told = self._serve(folder, environment)
            else:
                told = _call(arguments, folder, environment)
            caller.settimeout(None)
            # The page may have ended: a pipe into `head`, say.
            with contextlib.suppress(BrokenPipeError):
                caller.sendall(json.dumps(told).encode())

    def _serve(self, folder: str, environment: Mapping[str, str]) -> tuple[int, str, str]:
        """The server that all pages share: started by the first that asks, and left behind."""
        if self._server is None:
            port = self.address.rpartition(":")[2]
            command = [sys.executable, "-m", "marketrank", "serve", "--port", port]
            with (self._own / "served").open("wb") as out:
                self._server = subprocess.Popen(
                    command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT
                )
        until = time.monotonic() + 45
        while self._server.poll() is None and time.monotonic() < until:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"{self.address}/readyz", timeout=5).close()
                return 0, "", ""
            time.sleep(0.1)
        return (
            1,
            "",
            "the server is not ready: " + (self._own / "served").read_text(errors="replace"),
        )


def _received(caller: socket.socket) -> Iterator[bytes]:
    while part := caller.recv(65536):
        yield part


def _call(arguments: list[str], folder: str, environment: dict[str, Any]) -> tuple[int, str, str]:
    with contextlib.chdir(folder):
        done = CliRunner().invoke(app, arguments, env=environment, prog_name="marketrank")
    error = done.stderr
    if isinstance(done.exception, MarketrankError | OSError):
        error += f"error: {done.exception}\n"
    elif done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, error
