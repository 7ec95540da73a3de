-- One row a log-in. It is good while ended_at is NULL and expires_at lies ahead; all times are UTC.
CREATE TABLE {sessions} (
  id UUID NOT NULL PRIMARY KEY,
  user_id UUID NOT NULL,
  created_at DATETIME(3) NOT NULL,
  expires_at DATETIME(3) NOT NULL,
  ended_at DATETIME(3) NULL,
  KEY sessions_user (user_id),
  CONSTRAINT {sessions_user} FOREIGN KEY (user_id) REFERENCES {users} (id) ON DELETE CASCADE
) ENGINE = InnoDB;
