-- Every table is keyed by user_id first and no transaction crosses users, so that all of it can be distributed by user_id.

CREATE TABLE users (
    user_id text PRIMARY KEY CHECK (char_length(user_id) BETWEEN 1 AND 128),
    revision bigint NOT NULL,
    wrapped_key bytea NOT NULL,
    created_at timestamptz NOT NULL
);

-- idle_since is NULL while a me-image uses the media; upkeep removes what has been idle for too long.
CREATE TABLE media (
    user_id text NOT NULL REFERENCES users,
    media_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'ready', 'condemned')),
    content_digest bytea NOT NULL,
    content_type text NOT NULL,
    size_bytes integer NOT NULL CHECK (size_bytes BETWEEN 1 AND 10485760),
    width integer NOT NULL CHECK (width > 0),
    height integer NOT NULL CHECK (height > 0),
    sealed_facts bytea NOT NULL,
    created_at timestamptz NOT NULL,
    idle_since timestamptz,
    PRIMARY KEY (user_id, media_id),
    CONSTRAINT media_in_use_is_ready CHECK (idle_since IS NOT NULL OR state = 'ready')
);
CREATE UNIQUE INDEX media_one_per_content ON media (user_id, content_digest) WHERE state = 'ready';
CREATE INDEX media_idle ON media (idle_since) WHERE idle_since IS NOT NULL;

CREATE TABLE renditions (
    user_id text NOT NULL,
    media_id uuid NOT NULL,
    rendition text NOT NULL,
    content_type text NOT NULL,
    size_bytes integer NOT NULL CHECK (size_bytes > 0),
    width integer NOT NULL CHECK (width > 0),
    height integer NOT NULL CHECK (height > 0),
    PRIMARY KEY (user_id, media_id, rendition),
    FOREIGN KEY (user_id, media_id) REFERENCES media
);

CREATE TABLE me_images (
    user_id text NOT NULL,
    me_image_id uuid NOT NULL,
    media_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('FACE', 'FULLBODY', 'HALFBODY', 'HANDS', 'REFERENCE')),
    ai_reference boolean NOT NULL,
    show_in_profile boolean NOT NULL,
    sealed_text bytea NOT NULL,
    revision bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, me_image_id),
    FOREIGN KEY (user_id, media_id) REFERENCES media
);
CREATE INDEX me_images_newest ON me_images (user_id, created_at DESC, me_image_id DESC);
CREATE INDEX me_images_of_media ON me_images (user_id, media_id);

-- At most one holder of each slot, by primary key.
CREATE TABLE primary_slots (
    user_id text NOT NULL,
    slot text NOT NULL CHECK (slot IN ('AVATAR', 'FACE_REF', 'BODY_REF')),
    me_image_id uuid NOT NULL,
    PRIMARY KEY (user_id, slot),
    FOREIGN KEY (user_id, me_image_id) REFERENCES me_images
);

-- Answers kept for retries.
CREATE TABLE requests (
    user_id text NOT NULL REFERENCES users,
    request_id uuid NOT NULL,
    content_digest bytea NOT NULL,
    sealed_answer bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, request_id)
);
CREATE INDEX requests_oldest ON requests (created_at);
