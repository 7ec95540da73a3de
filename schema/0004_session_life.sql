-- What refreshing, listing and revoking sessions needs. A session's row outlives its end by a day, and its user too: by the
-- key on ended_at every worker of every node hears that it ended. So it has no foreign key, and what it says of a person (ip,
-- user_agent) is wiped when it ends, and its user's id when the account is deleted. expires_at moves with each use: see db/sessions.c.
ALTER TABLE {sessions}
  DROP FOREIGN KEY IF EXISTS {sessions_user},
  DROP KEY IF EXISTS sessions_user,
  -- Of the refresh token that is current.
  ADD COLUMN IF NOT EXISTS counter INT UNSIGNED NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS last_seen_at DATETIME(3) NOT NULL DEFAULT '1970-01-01 00:00:00.000',
  ADD COLUMN IF NOT EXISTS transport VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'bearer',
  ADD COLUMN IF NOT EXISTS ip VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin NULL,
  ADD COLUMN IF NOT EXISTS user_agent VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  -- logout, password, disabled, deleted, replay, owner, limit; NULL while it lasts.
  ADD COLUMN IF NOT EXISTS ended_for VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
  ADD KEY IF NOT EXISTS sessions_owner (user_id, ended_at),
  ADD KEY IF NOT EXISTS sessions_ended (ended_at),
  ADD KEY IF NOT EXISTS sessions_expiry (expires_at);
UPDATE {sessions} SET last_seen_at = created_at WHERE last_seen_at < created_at;
-- By this key they hear whose name, address or status changed.
ALTER TABLE {users} ADD KEY IF NOT EXISTS users_updated (updated_at);
