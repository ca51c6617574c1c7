"""What finds the listings that one could repeat, and a seller's listings, without reading all."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # Letters of all scripts make words; spaces, marks and pictures part them. An expression for
    # all titles takes 60 us a title, so those of plain letters have a quicker one.
    """CREATE FUNCTION title_words(title text) RETURNS text[]
        LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN array_remove(
            CASE WHEN octet_length(title) = length(title) THEN
                string_to_array(translate(lower(title),
                    '!"#$%&''()*+,-./:;<=>?@[\\]^_`{|}~', repeat(' ', 32)), ' ')
            ELSE regexp_split_to_array(lower(title),
                '[^a-z0-9\\u00b5-\\u1fff\\u2c00-\\ud7ff\\uf900-\\uffef]+')
            END, '')""",
    # Of two hashes at most 4 bits apart one of five bands is the same.
    """CREATE FUNCTION phash_bands(phash bigint) RETURNS integer[]
        LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN ARRAY[
            (phash & 8191)::integer,
            (phash >> 13 & 8191)::integer + 8192,
            (phash >> 26 & 8191)::integer + 16384,
            (phash >> 39 & 8191)::integer + 24576,
            (phash >> 52 & 4095)::integer + 32768]""",
    # Without a list of what is not sorted in yet, which every look-up would read through.
    """CREATE INDEX listings_title_words_idx ON listings USING gin (title_words(title))
        WITH (fastupdate = off) WHERE live""",
    "CREATE INDEX listings_seller_idx ON listings (seller, seq) WHERE seller IS NOT NULL",
    """CREATE INDEX photos_phash_bands_idx ON photos USING gin (phash_bands(phash))
        WITH (fastupdate = off)""",
    "CREATE INDEX photos_blob_idx ON photos (blob)",
    "CREATE INDEX duplicates_of_idx ON duplicates (of_key)",
    # The bands find equal hashes too.
    "DROP INDEX photos_phash_idx",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
