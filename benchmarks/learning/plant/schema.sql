-- A plant that makes metal parts.
CREATE TABLE machines (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  hall TEXT,
  maker TEXT,
  mode TEXT,
  run_hours INTEGER,
  value REAL
);

CREATE TABLE operators (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  hall TEXT,
  grade TEXT,
  shift TEXT,
  wage REAL,
  left_on DATE
);

CREATE TABLE work_orders (
  id INTEGER PRIMARY KEY,
  machine_id INTEGER REFERENCES machines (id),
  operator_id INTEGER REFERENCES operators (id),
  part TEXT,
  quantity INTEGER,
  scrap INTEGER,
  priority INTEGER,
  due_on DATE,
  finished_on DATE
);

CREATE TABLE inspections (
  id INTEGER PRIMARY KEY,
  work_order_id INTEGER REFERENCES work_orders (id),
  inspector TEXT,
  verdict TEXT,
  checked_on DATE
);
