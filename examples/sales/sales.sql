-- Customers and their orders, as a small shop has them.

CREATE TABLE customers (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  region TEXT NOT NULL CHECK (region IN ('north', 'south', 'east', 'west'))
);

CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  customer TEXT NOT NULL REFERENCES customers (id),
  placed TEXT NOT NULL,
  cents INTEGER NOT NULL CHECK (cents > 0),
  note TEXT
);

CREATE INDEX orders_of_customers ON orders (customer, placed);

INSERT INTO customers VALUES
  ('C1', 'Harbour Books', 'north'),
  ('C2', 'Green Grocers', 'south'),
  ('C3', 'Corner Café', 'east');

INSERT INTO orders (customer, placed, cents, note) VALUES
  ('C1', '2026-09-02', 12900, NULL),
  ('C1', '2026-09-17', 4550, 'gift'),
  ('C2', '2026-09-21', 88000, NULL),
  ('C3', '2026-10-03', 1999, NULL),
  ('C2', '2026-10-05', 64000, 'deliver by noon'),
  ('C1', '2026-10-11', 25000, NULL),
  ('C3', '2026-10-19', 3200, NULL),
  ('C2', '2026-11-01', 71000, NULL);
