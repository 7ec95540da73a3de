-- Which kinds of old rows are cleaned up, one row each, so that all workers of all nodes take turns: db/housekeeping.h. A row
-- is added here with each kind.
CREATE TABLE IF NOT EXISTS {housekeeping} (
  name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  -- Who moves it on does the next slice.
  due_at DATETIME(3) NOT NULL,
  -- What the last full slice came to: what lies before is gone, but for entries of the index that InnoDB has not purged yet,
  -- and each slice would walk over all of them.
  reached DATETIME(3) NOT NULL DEFAULT '1970-01-01 00:00:00.000',
  -- Once a day it begins at the beginning, whatever was reached.
  begun_at DATETIME(3) NOT NULL DEFAULT '1970-01-01 00:00:00.000'
) ENGINE = InnoDB;
INSERT IGNORE INTO {housekeeping} (name, due_at) VALUES
  ('sessions ended', '1970-01-01 00:00:00.000'),
  ('sessions expired', '1970-01-01 00:00:00.000'),
  ('throttles', '1970-01-01 00:00:00.000');
