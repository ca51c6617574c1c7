"""Feeds from S3 (moto's server) and from a web server without ranges."""

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import boto3
import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from marketrank.errors import BadInput
from marketrank.listings.sources import Record, read_products

ROWS = {"id": [f"id-{n}" for n in range(500)], "title": ["Lamp, new\nand warm"] * 500}
RECORDS = [
    Record(n, {"id": id, "title": title})
    for n, (id, title) in enumerate(zip(*ROWS.values(), strict=True), start=1)
]
SUFFIXES = [".csv", ".jsonl", ".parquet"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feeds")
    frame = pl.DataFrame(ROWS)
    frame.write_csv(folder / "feed.csv")
    frame.write_ndjson(folder / "feed.jsonl")
    frame.write_parquet(folder / "feed.parquet")
    return folder


@pytest.fixture(scope="module")
def bucket(folder: Path) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "key-of-the-test",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "NO_PROXY": host,
        }.items():
            environment.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="feeds")
        for file in folder.iterdir():
            client.upload_file(str(file), "feeds", file.name)
        yield "s3://feeds"
    server.stop()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def web(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_feed_in_a_bucket(bucket: str, suffix: str) -> None:
    assert list(read_products(f"{bucket}/feed{suffix}")) == RECORDS


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_feed_on_the_web(web: str, suffix: str) -> None:
    assert list(read_products(f"{web}/feed{suffix}?signature=x")) == RECORDS


def test_what_is_not_there(bucket: str, web: str) -> None:
    for source in (f"{bucket}/none.csv", "s3://no-such-bucket/feed.csv", f"{web}/none.csv"):
        with pytest.raises(BadInput, match=f"cannot read {source}"):
            list(read_products(source))
