"""What the browser tests share: a server in a thread, a Chromium, pages that must not fail."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from chromium import ARGUMENTS, CHROMIUM

Serve = Callable[[FastAPI], contextlib.AbstractContextManager[str]]


@contextlib.contextmanager
def _serve(app: FastAPI) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    runner = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=runner.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not runner.started:
        assert time.monotonic() < deadline, "the server did not start in 60 s"
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    runner.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def serve() -> Serve:
    """Serve an application in a thread, as `with serve(app) as address`."""
    return _serve


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("no Chromium on this machine: install the package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, server: str) -> Iterator[Callable[..., Page]]:
    """Open a path in a fresh context; a script error or a refused resource fails the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_page(path: str, **options: object) -> Page:
        context = browser.new_context(base_url=server, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: _note(message.type, message.text, faults))
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


def _note(kind: str, text: str, faults: list[str]) -> None:
    # A page that explains a mistake answers 422, which browsers report here too.
    if kind == "error" and "422" not in text:
        faults.append(text)
