-- Contacts of a small firm. All persons are made up.

CREATE TABLE contacts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE,
  phone TEXT,
  version INTEGER NOT NULL DEFAULT 1
);

INSERT INTO contacts (name, email, phone) VALUES
  ('Nora Lind', 'nora@harbour-books.example', '+1 555 0100'),
  ('Tom Okoye', 'tom@green-grocers.example', NULL),
  ('Lena Marsh', 'lena@corner-cafe.example', '+1 555 0102');
