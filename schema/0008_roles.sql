-- Roles, what each permits, and who has which. users.roles says the same once more, by the roles' names with commas between
-- them, so that one row tells who somebody is: db/roles.c, which alone writes user_roles, writes it with it.
CREATE TABLE IF NOT EXISTS {roles} (
  name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  description VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  -- Of 'admin' it grows with every change of any role, of any user's roles and of who is active: whoever makes one waits here.
  changes INT UNSIGNED NOT NULL DEFAULT 0
) ENGINE = InnoDB;
-- 'admin' has a row for every permission that there is.
CREATE TABLE IF NOT EXISTS {role_permissions} (
  role VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  permission VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (role, permission),
  KEY role_permissions_permission (permission),
  CONSTRAINT {role_permissions_role} FOREIGN KEY (role) REFERENCES {roles} (name) ON DELETE CASCADE
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS {user_roles} (
  user_id UUID NOT NULL,
  role VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (user_id, role),
  KEY user_roles_role (role, user_id),
  CONSTRAINT {user_roles_user} FOREIGN KEY (user_id) REFERENCES {users} (id) ON DELETE CASCADE,
  CONSTRAINT {user_roles_role} FOREIGN KEY (role) REFERENCES {roles} (name)
) ENGINE = InnoDB;
ALTER TABLE {users} ADD COLUMN IF NOT EXISTS roles VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '';
INSERT IGNORE INTO {roles} (name, description, created_at, updated_at)
  VALUES ('admin', 'May do everything', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3));
INSERT IGNORE INTO {role_permissions} (role, permission) VALUES
  ('admin', 'users:read'), ('admin', 'users:write'), ('admin', 'roles:read'), ('admin', 'roles:write'),
  ('admin', 'sessions:write'), ('admin', 'audit:read'), ('admin', 'keys:write'), ('admin', 'providers:read'),
  ('admin', 'metrics:read');
