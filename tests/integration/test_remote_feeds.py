"""Feeds from S3 (moto's server) and from a web server without ranges."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from local_servers import s3_server, web_server
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
    with s3_server("feeds") as client:
        for file in folder.iterdir():
            client.upload_file(str(file), "feeds", file.name)
        yield "s3://feeds"


@pytest.fixture(scope="module")
def web(folder: Path) -> Iterator[str]:
    with web_server(folder) as address:
        yield address


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
