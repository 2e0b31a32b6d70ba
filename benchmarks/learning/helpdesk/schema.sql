-- The help desk of a maker of software.
CREATE TABLE accounts (
  id INTEGER PRIMARY KEY,
  company TEXT NOT NULL,
  country TEXT,
  industry TEXT,
  plan TEXT,
  seats INTEGER,
  revenue REAL,
  renews_on DATE,
  churned_on DATE
);

CREATE TABLE agents (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  team TEXT,
  level TEXT,
  joined_on DATE
);

CREATE TABLE tickets (
  id INTEGER PRIMARY KEY,
  account_id INTEGER REFERENCES accounts (id),
  agent_id INTEGER REFERENCES agents (id),
  product TEXT,
  severity INTEGER,
  opened_on DATE,
  solved_on DATE,
  reopens INTEGER,
  minutes INTEGER,
  rating INTEGER
);
