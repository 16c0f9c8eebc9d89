-- A server that starts asks for all tombstones: whoever has a certificate in the bucket and none here was restored.
CREATE INDEX users_erased ON users (user_id) WHERE erased_at IS NOT NULL;
