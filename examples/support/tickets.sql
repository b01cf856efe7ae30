-- Tickets of a support desk. All persons and cases are made up.

CREATE TABLE tickets (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  customer TEXT NOT NULL,
  category TEXT NOT NULL CHECK (category IN ('account', 'billing', 'technical', 'other')),
  subject TEXT NOT NULL,
  body TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
  resolution TEXT,
  opened TEXT NOT NULL DEFAULT (date('now'))
);

CREATE INDEX tickets_of_customers ON tickets (customer, id);

INSERT INTO tickets (customer, category, subject, body, status, resolution, opened) VALUES
  ('cleo', 'billing', 'Paid twice', 'Invoice 4711 was paid twice in October.', 'open', NULL, '2026-11-02'),
  ('dan', 'technical', 'Export fails', 'E42 for 2025 alone.', 'open', NULL, '2026-11-03'),
  ('dan', 'account', 'New address', 'The link never came.', 'closed', 'It lay in the spam folder.', '2026-11-03'),
  ('cleo', 'technical', 'Slow search', 'Since Monday.', 'closed', 'Fixed in 8.2.', '2026-11-05');
