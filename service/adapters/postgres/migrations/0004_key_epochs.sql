-- Which epoch wraps a user's key, read from the key's own header (magic MEI1, version 1, then the epoch, big-endian):
-- start-up asks which epochs are in use, and rewrap-keys goes through those that are not the newest.
ALTER TABLE users ADD COLUMN key_epoch bigint GENERATED ALWAYS AS (
    CASE WHEN substring(wrapped_key FROM 1 FOR 5) = '\x4d45493101'::bytea AND octet_length(wrapped_key) >= 9 THEN
        get_byte(wrapped_key, 5)::bigint * 16777216 + get_byte(wrapped_key, 6) * 65536
        + get_byte(wrapped_key, 7) * 256 + get_byte(wrapped_key, 8)
    END
) STORED;
CREATE INDEX users_by_key_epoch ON users (key_epoch, user_id);
