-- Erasure: a user's key goes and a tombstone stays, for good, so that nobody ever comes back under that id.

ALTER TABLE users ALTER COLUMN wrapped_key DROP NOT NULL;
ALTER TABLE users
    ADD COLUMN erased_at timestamptz, ADD COLUMN certificate text, ADD COLUMN certificate_filed_at timestamptz;
ALTER TABLE users ADD CONSTRAINT users_have_key_or_tombstone CHECK (num_nonnulls(wrapped_key, erased_at) = 1);
ALTER TABLE users ADD CONSTRAINT users_erased_are_certified CHECK ((certificate IS NULL) = (erased_at IS NULL));
CREATE INDEX users_certificate_to_file ON users (erased_at) WHERE erased_at IS NOT NULL AND certificate_filed_at IS NULL;
CREATE INDEX media_condemned ON media (user_id) WHERE state = 'condemned';

-- The server's role may not delete from the ledger; of a user who is erased, and is named by the transaction, it may
-- have the owner do it.
CREATE FUNCTION forget_ledger(erased text) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
BEGIN ATOMIC
    WITH gone AS (
        DELETE FROM ledger l WHERE l.user_id = erased AND erased = current_setting('app.user_id', true)
        AND EXISTS (SELECT FROM users u WHERE u.user_id = erased AND u.erased_at IS NOT NULL)
        RETURNING 1
    )
    SELECT count(*) FROM gone;
END;
REVOKE EXECUTE ON FUNCTION forget_ledger FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_ledger TO me_images_app;
