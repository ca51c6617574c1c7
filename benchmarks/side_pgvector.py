"""PostgreSQL with pgvector (HNSW) and its own full text, on the server that comes with marketrank.
Ranks are fused in one statement."""

from collections.abc import Sequence
from pathlib import Path

import psutil
import psycopg
from pgvector.psycopg import register_vector

from benchmarks.side import DEPTH, FILTER, RRF, Data
from marketrank.storage import embedded
from marketrank.types import Vectors

_FIRST_EF = 100
_MAX_EF = 1_000
_NEAR = "SELECT id FROM listings ORDER BY vector <#> %(vector)s LIMIT %(k)s"
_FILTERED = (
    f"SELECT id FROM listings WHERE price = {FILTER} ORDER BY vector <#> %(vector)s LIMIT %(k)s"
)
_ANY_WORD = "to_tsquery('english', %(words)s)"
_WORDS = (
    f"SELECT id FROM listings WHERE words @@ {_ANY_WORD}"
    f" ORDER BY ts_rank_cd(words, {_ANY_WORD}) DESC, id LIMIT %(k)s"
)
_HYBRID = f"""
    WITH near AS (SELECT id, row_number() OVER () AS rank FROM
            (SELECT id FROM listings ORDER BY vector <#> %(vector)s LIMIT {DEPTH}) n),
         words AS (SELECT id, row_number() OVER () AS rank FROM
            (SELECT id FROM listings WHERE words @@ {_ANY_WORD}
             ORDER BY ts_rank_cd(words, {_ANY_WORD}) DESC, id LIMIT {DEPTH}) w)
    SELECT id FROM near FULL JOIN words USING (id)
    ORDER BY coalesce(1.0 / ({RRF} + near.rank), 0) + coalesce(1.0 / ({RRF} + words.rank), 0) DESC,
        id LIMIT %(k)s"""


class PgVector:
    def build(self, data: Data, folder: Path) -> None:
        self._home = folder
        self._connection = psycopg.connect(embedded.start(folder), autocommit=True)
        run = self._connection.execute
        run("CREATE EXTENSION vector")
        register_vector(self._connection)
        dim = data.vectors.shape[1]
        run(
            "CREATE TABLE listings (id bigint PRIMARY KEY, price int, body text,"
            f" vector vector({dim}), words tsvector GENERATED ALWAYS AS"
            " (to_tsvector('english', body)) STORED)"
        )
        copy = "COPY listings (id, price, body, vector) FROM STDIN WITH (FORMAT BINARY)"
        with self._connection.cursor().copy(copy) as rows:
            rows.set_types(["int8", "int4", "text", "vector"])
            for row, text in enumerate(data.texts()):
                rows.write_row((row, int(data.prices[row]), text, data.vectors[row]))
        run("SET maintenance_work_mem = '1GB'")
        run("CREATE INDEX ON listings USING gin (words)")
        run("CREATE INDEX ON listings (price)")
        run("CREATE INDEX ON listings USING hnsw (vector vector_ip_ops)")
        run("ANALYZE listings")
        self._ef = _FIRST_EF
        run(f"SET hnsw.ef_search = {self._ef}")
        run("SET hnsw.iterative_scan = strict_order")

    def text(self, query: str, k: int) -> Sequence[int]:
        return self._ids(_WORDS, words=_any(query), k=k)

    def vector(self, vector: Vectors, k: int) -> Sequence[int]:
        return self._ids(_NEAR, vector=vector, k=k)

    def filtered(self, vector: Vectors, k: int) -> Sequence[int]:
        return self._ids(_FILTERED, vector=vector, k=k)

    def hybrid(self, query: str, vector: Vectors, k: int) -> Sequence[int]:
        return self._ids(_HYBRID, words=_any(query), vector=vector, k=k)

    def widen(self) -> bool:
        if 2 * self._ef > _MAX_EF:
            return False
        self._ef *= 2
        self._connection.execute(f"SET hnsw.ef_search = {self._ef}")
        return True

    def describe(self) -> str:
        found = self._connection.execute(
            "SELECT extversion, version() FROM pg_extension WHERE extname = 'vector'"
        ).fetchone()
        assert found
        server = found[1].split(" on ")[0]
        return f"{server}, pgvector {found[0]}, HNSW ef_search {self._ef}, ts_rank_cd"

    def processes(self) -> list[psutil.Process]:
        home = getattr(self, "_home", None)
        pid = embedded.status(home).pid if home else None
        return [psutil.Process(pid)] if pid else []

    def close(self) -> None:
        self._connection.close()
        embedded.leave(self._home)
        embedded.stop(self._home)

    def _ids(self, statement: str, **values: object) -> Sequence[int]:
        return [row[0] for row in self._connection.execute(statement, values)]


def _any(query: str) -> str:
    """Any of the words, as the others search; to_tsquery wants them quoted."""
    words = ["".join(c for c in word if c.isalnum()) for word in query.split()]
    return " | ".join(f"'{word}'" for word in words if word)
