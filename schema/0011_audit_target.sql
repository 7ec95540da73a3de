-- A role and a permission are 73 characters.
ALTER TABLE {audit} MODIFY COLUMN target VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NULL;
-- As step 10 has it now: databases that it made before say NOT NULL.
ALTER TABLE {users} MODIFY COLUMN audit_key BINARY(16) NULL DEFAULT (RANDOM_BYTES(16));
