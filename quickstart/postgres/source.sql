-- A source to try Domicile with: orders of three countries, as people type them; and a database for each home.
-- The program needs SELECT on the source's table and sequence, and in a home the right to make tables.
CREATE DATABASE source;
CREATE DATABASE control;
CREATE DATABASE spain;
CREATE DATABASE france;
CREATE DATABASE germany;

\connect source

CREATE TABLE orders (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    country    text,
    customer   text NOT NULL,
    ordered_on date NOT NULL,
    amount     numeric(12,2) NOT NULL
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
