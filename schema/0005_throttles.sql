-- Failed attempts, each kind by whom or what they are counted for: an account, a name that nobody has, an address, a device.
-- subject is an HMAC under a key of the key file, so no name and no address can be read here; see service/throttle.h.
CREATE TABLE IF NOT EXISTS {throttles} (
  subject CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  failures INT UNSIGNED NOT NULL,
  -- No further attempt before.
  retry_at DATETIME(3) NOT NULL,
  -- Of the last failure; where failures are forgiven one by one: from when on the next one's time runs.
  updated_at DATETIME(3) NOT NULL,
  -- Counts until a success, however long that takes; what is not lasting may be removed a day after updated_at.
  lasting BOOLEAN NOT NULL,
  KEY throttles_updated (lasting, updated_at)
) ENGINE = InnoDB;
