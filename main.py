"""The whole pipeline, for those who come from the earlier projects: clean, store, embed, index.

    python main.py PRODUCTS [IMAGES_TABLE IMAGES] [--home DIR]

The same as `marketrank ingest` and then `marketrank index`.
"""

from pathlib import Path
from typing import Annotated

import typer

from marketrank import cli


def run(
    products: Annotated[str, typer.Argument(help="Table of products: file, URL or database.")],
    images_table: Annotated[str | None, typer.Argument(help="Table of photos.")] = None,
    images: Annotated[str | None, typer.Argument(help="Folder, zip or URL of photos.")] = None,
    home: Annotated[Path | None, typer.Option(help="Home folder.")] = None,
) -> None:
    """Clean a feed, store it, embed it and index it."""
    cli.ingest(products=products, images_table=images_table, images=images, home=home)
    cli.index(home=home)


if __name__ == "__main__":
    cli.run(lambda: typer.run(run))
