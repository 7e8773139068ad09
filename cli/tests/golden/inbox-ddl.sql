CREATE TABLE onceward_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE onceward_segment(id INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, count INTEGER NOT NULL, chunks INTEGER NOT NULL,
    newest INTEGER NOT NULL, state INTEGER NOT NULL, started INTEGER NOT NULL);
CREATE TABLE onceward_chunk(id INTEGER PRIMARY KEY, ids BLOB NOT NULL);
CREATE TABLE onceward_small(id INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, ids BLOB NOT NULL);
CREATE TABLE onceward_position(consumer_group TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, topic_id BLOB NOT NULL,
    committed INTEGER, handled BLOB NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY(consumer_group, topic, partition)) WITHOUT ROWID;
INSERT INTO onceward_meta VALUES ('sequence', 0), ('reshaped', 0), ('time', 0);
CREATE TABLE onceward_outbox(id INTEGER PRIMARY KEY, consumer_group TEXT NOT NULL, written INTEGER NOT NULL, events INTEGER NOT NULL,
    refused TEXT, records BLOB NOT NULL);
CREATE TABLE onceward_migration(name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO onceward_meta VALUES ('version', 2), ('instance', lower(hex(randomblob(16))));
