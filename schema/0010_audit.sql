-- Who did what to whom, when, from where, and what came of it. A line is never changed. Lines stand in 64 chains, each line with
-- a MAC over itself and the MAC of the line before it, so that a line that was changed, removed or put in shows: docs/audit.md.
CREATE TABLE IF NOT EXISTS {audit} (
  id UUID NOT NULL PRIMARY KEY,
  at DATETIME(3) NOT NULL,
  chain TINYINT UNSIGNED NOT NULL,
  n INT UNSIGNED NOT NULL,
  event VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  outcome VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  actor UUID NULL,
  subject UUID NULL,
  session UUID NULL,
  -- api, latchctl, itself.
  through VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  target VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  -- Address and user agent of who acted, under a key that goes with users.audit_key.
  sealed VARBINARY(1024) NULL,
  mac BINARY(32) NOT NULL,
  UNIQUE KEY audit_chain (chain, n),
  KEY audit_actor (actor, id),
  KEY audit_subject (subject, id),
  KEY audit_event (event, id),
  CONSTRAINT {audit_target} CHECK (target <> '')
) ENGINE = InnoDB;
-- The ends of each chain. before_mac: of the line before the first that is kept; mac: of the last; seal: a MAC over the row.
CREATE TABLE IF NOT EXISTS {audit_chains} (
  chain TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  first INT UNSIGNED NOT NULL DEFAULT 1,
  n INT UNSIGNED NOT NULL DEFAULT 0,
  before_mac BINARY(32) NOT NULL DEFAULT '',
  mac BINARY(32) NOT NULL DEFAULT '',
  seal BINARY(32) NOT NULL DEFAULT ''
) ENGINE = InnoDB;
-- What the MACs and the seals of addresses hang on: 32 random bytes, sealed under the key file, so that a new key file needs
-- nothing but this row sealed anew. Whoever first reads the signing keys makes it.
CREATE TABLE IF NOT EXISTS {audit_secret} (
  id TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  sealed VARBINARY(128) NOT NULL,
  CONSTRAINT {audit_secret_one} CHECK (id = 1)
) ENGINE = InnoDB;
INSERT IGNORE INTO {audit_chains} (chain)
  WITH RECURSIVE chains (chain) AS (SELECT 0 UNION ALL SELECT chain + 1 FROM chains WHERE chain < 63) SELECT chain FROM chains;
-- What seals a user's address and user agent in the audit: gone with the row, and with it what it sealed. Filled by a few rows
-- at a time, each time in a transaction of its own, as people sign in meanwhile; who comes meanwhile has one by the default.
-- It was one UPDATE once, and the file's checksum 2ea182defabe2a49ab8a8d35bf950de1125f14dc6b8b53a45fbf159b5af78b74.
ALTER TABLE {users} ADD COLUMN IF NOT EXISTS audit_key BINARY(16) NULL;
ALTER TABLE {users} ALTER COLUMN audit_key SET DEFAULT (RANDOM_BYTES(16));
BEGIN NOT ATOMIC DECLARE place, after UUID; SET after = (SELECT MIN(id) FROM {users}); WHILE after IS NOT NULL DO SET place = after; SET after = (SELECT id FROM {users} WHERE id >= place ORDER BY id LIMIT 1 OFFSET 500); UPDATE {users} SET audit_key = RANDOM_BYTES(16) WHERE id >= place AND (after IS NULL OR id < after) AND audit_key IS NULL; END WHILE; END;
INSERT IGNORE INTO {housekeeping} (name, due_at) VALUES ('audit', '1970-01-01 00:00:00.000');
