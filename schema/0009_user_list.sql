-- What lists of users go by: status, and beginnings of names; role and e-mail address have their keys already. Names compare
-- without case and accents: the change of collation needs no copy of the table, as no key has the column, and keys are added
-- while others read and write.
ALTER TABLE {users} MODIFY COLUMN name VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci NULL;
ALTER TABLE {users} ADD KEY IF NOT EXISTS users_name (name), ADD KEY IF NOT EXISTS users_status (status);
-- A session's ended_for may also be 'admin': somebody with the permission sessions:write ended it.
