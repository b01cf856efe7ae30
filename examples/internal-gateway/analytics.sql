-- What an analytics database of a small firm could hold: sums by day, no persons. All made up.

CREATE TABLE daily (
  day TEXT NOT NULL,
  region TEXT NOT NULL,
  orders INTEGER NOT NULL,
  cents INTEGER NOT NULL,
  new_customers INTEGER NOT NULL,
  PRIMARY KEY (day, region)
);

INSERT INTO daily VALUES
  ('2026-10-01', 'north', 12, 48000, 3),
  ('2026-10-01', 'south', 8, 31000, 1),
  ('2026-10-02', 'north', 15, 60500, 2),
  ('2026-10-02', 'south', 9, 27000, 4),
  ('2026-11-01', 'north', 11, 40200, 1);
