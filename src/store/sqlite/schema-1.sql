CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta VALUES ('store', lower(hex(randomblob(16)))), ('last_sequence', 0);

-- What it counts is as of meta.last_sequence: blocks behind that number count besides.
CREATE TABLE rule (
    id INTEGER PRIMARY KEY,
    topics TEXT NOT NULL UNIQUE,
    max_age_ms INTEGER,
    max_events INTEGER,
    max_bytes INTEGER,
    events INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    deleted_to INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO rule (id, topics) VALUES (0, 'dead letters');

-- Events that were stored together, of one rule and one level. `events` is a JSON list of
-- [sequence, expires, event, size]: the event without what holds its default, and its size with that.
CREATE TABLE block (
    id INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL,
    last INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    rule INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    topics TEXT,
    events TEXT NOT NULL
) STRICT;

CREATE INDEX block_by_level ON block (priority, id, batch, topics);

-- One event a row, for whoever reads the file by hand.
CREATE VIEW events AS
SELECT
    entry.value ->> '$[0]' AS sequence,
    block.stored,
    block.rule,
    block.priority,
    entry.value ->> '$[2].topic' AS topic,
    entry.value -> '$[2]' AS event,
    entry.value ->> '$[1]' AS expires,
    strftime('%Y-%m-%dT%H:%M:%fZ', block.stored / 1000000.0, 'unixepoch') AS time,
    entry.value ->> '$[2].id' AS id,
    ifnull(entry.value ->> '$[2].type', 'custom') AS type,
    entry.value ->> '$[2].source' AS source,
    entry.value ->> '$[2].target' AS target,
    ifnull(entry.value ->> '$[3]', length(CAST(entry.value -> '$[2]' AS BLOB))) AS size
FROM block
    JOIN rule ON rule.id = block.rule
    JOIN json_each(block.events) AS entry
WHERE entry.value ->> '$[0]' > rule.deleted_to;

CREATE TABLE durable (
    name TEXT PRIMARY KEY,
    wanted TEXT NOT NULL,
    created INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE durable_level (
    name TEXT NOT NULL,
    priority INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    PRIMARY KEY (name, priority)
) STRICT, WITHOUT ROWID;

CREATE TABLE durable_acked (
    name TEXT NOT NULL,
    priority INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (name, priority, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    died INTEGER NOT NULL,
    reason TEXT NOT NULL,
    subscription TEXT,
    attempts TEXT,
    event TEXT NOT NULL,
    time TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', died / 1000000.0, 'unixepoch')) VIRTUAL,
    event_id TEXT GENERATED ALWAYS AS (json_extract(event, '$.id')) VIRTUAL,
    topic TEXT GENERATED ALWAYS AS (json_extract(event, '$.topic')) VIRTUAL
) STRICT;
