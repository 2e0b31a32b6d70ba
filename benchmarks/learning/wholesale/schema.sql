-- A wholesaler of food and drink.
CREATE TABLE reps (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  region TEXT,
  hired_on DATE
);

CREATE TABLE customers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  city TEXT,
  region TEXT,
  status TEXT,
  closed_on DATE,
  credit_limit REAL,
  annual_spend REAL,
  rep_id INTEGER REFERENCES reps (id)
);

CREATE TABLE products (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  category TEXT,
  supplier TEXT,
  unit_price REAL,
  stock INTEGER,
  weekly_sales INTEGER
);

CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER REFERENCES customers (id),
  placed_on DATE,
  total REAL,
  ship_method TEXT,
  risk_score INTEGER,
  reviewed_by TEXT
);

CREATE TABLE order_lines (
  order_id INTEGER REFERENCES orders (id),
  product_id INTEGER REFERENCES products (id),
  quantity INTEGER
);
