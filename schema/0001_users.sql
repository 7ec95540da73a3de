-- People. An e-mail address is ASCII and compares without case, as does a user name; both are kept as typed.
CREATE TABLE {users} (
  id UUID NOT NULL PRIMARY KEY,
  email VARCHAR(254) CHARACTER SET ascii COLLATE ascii_general_ci NOT NULL,
  email_verified BOOLEAN NOT NULL DEFAULT FALSE,
  username VARCHAR(32) CHARACTER SET ascii COLLATE ascii_general_ci NULL,
  name VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  phone_number VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
  status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'active',
  password_hash VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  -- Grows with every change of password, not with a rehash: a log-in that began before the change cannot end after it.
  password_version INT UNSIGNED NOT NULL DEFAULT 1,
  created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  last_login_at DATETIME(3) NULL,
  UNIQUE KEY users_email (email),
  UNIQUE KEY users_username (username),
  CONSTRAINT {users_status} CHECK (status IN ('active', 'disabled', 'pending'))
) ENGINE = InnoDB;
