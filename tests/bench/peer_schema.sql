CREATE TABLE event(record_id INTEGER, time TEXT, event_id INTEGER, computer TEXT, process_id INTEGER, application TEXT,
  direction TEXT, source_address TEXT, source_port INTEGER, dest_address TEXT, dest_port INTEGER, protocol INTEGER,
  raw TEXT);
