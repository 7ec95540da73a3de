-- The keys that sign access tokens. `sealed` is the private key, encrypted under the key file (auth/seal.h).
-- The newest key whose sign_from has passed signs; every key that is not retired verifies.
CREATE TABLE {signing_keys} (
  kid VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  alg VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  sealed VARBINARY(3072) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  sign_from DATETIME(3) NOT NULL,
  retired_at DATETIME(3) NULL
) ENGINE = InnoDB;
