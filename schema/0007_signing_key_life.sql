-- The longest life of a token that was signed with the key: what it signed is over that long after a newer key took over.
-- Of the keys that are there already nobody knows it; a day is the most that access_ttl_s may be.
ALTER TABLE {signing_keys} ADD COLUMN IF NOT EXISTS token_ttl_s INT UNSIGNED NOT NULL DEFAULT 86400;
