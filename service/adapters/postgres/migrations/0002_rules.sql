-- Deletion, consent on record, events for other backends, and the second lock: row-level security.

-- An opt-in that no ledger entry tells of is none.
UPDATE me_images SET ai_reference = false WHERE ai_reference;
ALTER TABLE me_images ADD COLUMN deleted_at timestamptz, ADD COLUMN purge_at timestamptz;
ALTER TABLE me_images ADD CONSTRAINT me_images_deleted_is_not_used CHECK (deleted_at IS NULL OR NOT ai_reference);
ALTER TABLE me_images ADD CONSTRAINT me_images_deleted_goes CHECK ((deleted_at IS NULL) = (purge_at IS NULL));
CREATE INDEX me_images_to_purge ON me_images (purge_at) WHERE purge_at IS NOT NULL;

-- The panic switch.
ALTER TABLE users ADD COLUMN references_enabled boolean NOT NULL DEFAULT true;
ALTER TABLE users ADD COLUMN ai_settings_at timestamptz;

-- Append-only and hash-chained; the rule stands in ledger.proto.
CREATE TABLE ledger (
    user_id text NOT NULL REFERENCES users,
    sequence integer NOT NULL CHECK (sequence > 0),
    kind text NOT NULL CHECK (kind IN ('CONSENT_GIVEN', 'CONSENT_WITHDRAWN', 'REFERENCES_PAUSED', 'REFERENCES_RESUMED')),
    at timestamptz NOT NULL,
    caller text NOT NULL,
    me_image_id uuid,
    previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (user_id, sequence)
);

-- The outbox. Transactions get their ids after they have locked their user, so a user's events are in the order of
-- their transactions; those of all users are read up to the oldest transaction that still runs.
CREATE TABLE events (
    user_id text NOT NULL REFERENCES users,
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
    ordinal integer NOT NULL,
    event_id uuid NOT NULL,
    revision bigint NOT NULL,
    at timestamptz NOT NULL,
    caller text NOT NULL,
    me_image_id uuid,
    kind text NOT NULL,
    fact jsonb NOT NULL,
    PRIMARY KEY (user_id, transaction_id, ordinal)
);
CREATE INDEX events_in_order ON events (transaction_id, ordinal);
CREATE INDEX events_oldest ON events (at);

-- The server's role owns nothing and may not change what was entered in the ledger.
DO $$ BEGIN
    CREATE ROLE me_images_app NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
    IF NOT pg_has_role(current_user, 'me_images_app', 'SET') THEN
        EXECUTE format('GRANT me_images_app TO %I WITH SET TRUE, INHERIT FALSE', current_user);
    END IF;
END $$;
GRANT USAGE ON SCHEMA public TO me_images_app;
GRANT SELECT ON schema_migrations TO me_images_app;
GRANT SELECT, INSERT, UPDATE ON users TO me_images_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON media, renditions, me_images, primary_slots TO me_images_app;
GRANT SELECT, INSERT, DELETE ON requests, events TO me_images_app;
GRANT SELECT, INSERT ON ledger TO me_images_app;

-- A statement sees the user whom its transaction named; upkeep and watching everybody say so expressly.
CREATE FUNCTION is_visible(owner text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE RETURN
    owner = current_setting('app.user_id', true) OR current_setting('app.every_user', true) = 'yes';
DO $$ DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['users', 'media', 'renditions', 'me_images', 'primary_slots', 'requests', 'ledger', 'events'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_rows ON %I TO me_images_app USING (is_visible(user_id))', name);
    END LOOP;
END $$;
