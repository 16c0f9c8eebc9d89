-- The release gate: releases in the ledger, and renditions that are made after the upload.

-- What was released is sealed, but for what a person looks for: the generator and the me-images.
ALTER TABLE ledger DROP CONSTRAINT ledger_kind_check;
ALTER TABLE ledger ADD CONSTRAINT ledger_kind_check CHECK (kind IN (
    'CONSENT_GIVEN', 'CONSENT_WITHDRAWN', 'REFERENCES_PAUSED', 'REFERENCES_RESUMED', 'REFERENCES_RELEASED'
));
ALTER TABLE ledger ADD COLUMN generator text, ADD COLUMN released uuid[], ADD COLUMN sealed_release bytea;
ALTER TABLE ledger ADD CONSTRAINT ledger_release_is_whole CHECK (
    num_nonnulls(generator, released, sealed_release) = CASE kind WHEN 'REFERENCES_RELEASED' THEN 3 ELSE 0 END
);

-- Each making of a rendition has an object of its own, named by variant: whoever is first makes it ready, and what
-- others have put goes. sealed_facts is there for those that can be released.
ALTER TABLE renditions ADD COLUMN variant text;
UPDATE renditions SET variant = rendition;
ALTER TABLE renditions ALTER COLUMN variant SET NOT NULL;
ALTER TABLE renditions DROP CONSTRAINT renditions_pkey;
ALTER TABLE renditions ADD PRIMARY KEY (user_id, media_id, variant);
ALTER TABLE renditions ADD COLUMN sealed_facts bytea;
ALTER TABLE renditions ADD COLUMN state text NOT NULL DEFAULT 'ready' CHECK (state IN ('pending', 'ready', 'condemned'));
ALTER TABLE renditions ADD COLUMN made_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE renditions ALTER COLUMN state DROP DEFAULT, ALTER COLUMN made_at DROP DEFAULT;
CREATE UNIQUE INDEX renditions_one_ready ON renditions (user_id, media_id, rendition) WHERE state = 'ready';
CREATE INDEX renditions_not_ready ON renditions (made_at) WHERE state <> 'ready';
