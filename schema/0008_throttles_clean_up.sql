-- Counts of failed attempts that do not last are cleaned up as well: db/housekeeping.c.
INSERT IGNORE INTO housekeeping (name, due_at) VALUES ('throttles', '1970-01-01 00:00:00.000');
