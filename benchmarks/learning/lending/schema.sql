-- A bank's loan book.
CREATE TABLE branches (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  city TEXT,
  region TEXT
);

CREATE TABLE borrowers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  city TEXT,
  segment TEXT,
  score INTEGER,
  income REAL,
  kyc_level INTEGER
);

CREATE TABLE loans (
  id INTEGER PRIMARY KEY,
  borrower_id INTEGER REFERENCES borrowers (id),
  branch_id INTEGER REFERENCES branches (id),
  product TEXT,
  principal REAL,
  rate REAL,
  opened_on DATE,
  closed_on DATE,
  days_late INTEGER,
  stage TEXT
);

CREATE TABLE payments (
  id INTEGER PRIMARY KEY,
  loan_id INTEGER REFERENCES loans (id),
  paid_on DATE,
  amount REAL,
  method TEXT,
  reversed INTEGER
);
