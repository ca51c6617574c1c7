"""The Python client of the API: `Client` and `AsyncClient`, alike but for the `await`.

with Client("http://127.0.0.1:8080", key="mr_…") as market:
    for found in market.search("oak table", near="Bristol")["items"]:
        print(found["title"], found["price_text"])
"""

from marketrank.client.calls import ApiError, Retries
from marketrank.client.clients import AsyncClient, Client

__all__ = ["ApiError", "AsyncClient", "Client", "Retries"]
