-- Everything of a person that is handed out is in the ledger, too, whoever asks for it.
ALTER TABLE ledger DROP CONSTRAINT ledger_kind_check;
ALTER TABLE ledger ADD CONSTRAINT ledger_kind_check CHECK (kind IN (
    'CONSENT_GIVEN', 'CONSENT_WITHDRAWN', 'REFERENCES_PAUSED', 'REFERENCES_RESUMED', 'REFERENCES_RELEASED', 'EXPORTED'
));
