-- What was tried in vain with events that a durable subscription has not done: `attempts` is a JSON list of
-- {"at", "error"}, the oldest first.
CREATE TABLE durable_tried (
    name TEXT NOT NULL,
    priority INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    attempts TEXT NOT NULL,
    PRIMARY KEY (name, priority, sequence)
) STRICT, WITHOUT ROWID;
