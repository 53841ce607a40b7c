-- A source to try Domicile with: orders of three countries, as people type them.
CREATE TABLE orders (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    country    TEXT,
    customer   TEXT NOT NULL,
    ordered_on DATE NOT NULL,
    amount     DECIMAL(12,2) NOT NULL
);

INSERT INTO orders (country, customer, ordered_on, amount) VALUES
    ('Spain',       'Ana',   '2026-11-02', 10.50),
    ('France',      'Zoé',   '2026-11-02', 20.00),
    ('  españa',    'Bruno', '2026-11-02',  4.25),
    ('Deutschland', 'Jörg',  '2026-11-03', 99.90),
    ('🇫🇷',          'Luc',   '2026-11-03',  5.10),
    ('DE',          'Anna',  '2026-11-03',  0.10),
    ('724',         'Ana',   '2026-11-03', 12.00),
    ('Frnace',      'Inès',  '2026-11-03',  7.75),
    ('FRA',         'Zoé',   '2026-11-04', 30.00),
    (NULL,          'Max',   '2026-11-04',  1.00),
    ('GERMANY',     'Jörg',  '2026-11-04',  0.20),
    ('es',          'Eva',   '2026-11-04',  8.00);
