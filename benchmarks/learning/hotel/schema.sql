-- A hotel in a town by the sea.
CREATE TABLE guests (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT,
  country TEXT,
  language TEXT,
  points INTEGER
);

CREATE TABLE rooms (
  id INTEGER PRIMARY KEY,
  number TEXT NOT NULL,
  floor INTEGER,
  kind TEXT,
  view TEXT,
  rate REAL
);

CREATE TABLE stays (
  id INTEGER PRIMARY KEY,
  guest_id INTEGER REFERENCES guests (id),
  room_id INTEGER REFERENCES rooms (id),
  check_in DATE,
  nights INTEGER,
  total REAL,
  source TEXT,
  status TEXT,
  paid_on DATE
);

CREATE TABLE charges (
  id INTEGER PRIMARY KEY,
  stay_id INTEGER REFERENCES stays (id),
  item TEXT,
  amount REAL,
  charged_on DATE,
  waived_by TEXT
);
