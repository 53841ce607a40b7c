-- A source to try Domicile with: orders of three countries, as people type them; and a database for each home.
CREATE DATABASE source;
CREATE DATABASE control;
CREATE DATABASE spain;
CREATE DATABASE france;
CREATE DATABASE germany;

-- To see which transactions still write to the source, so that none of their records is missed, and that it is no replica.
GRANT PROCESS, SLAVE MONITOR ON *.* TO domicile;
GRANT SELECT ON performance_schema.* TO domicile;
-- To read the source.
GRANT SELECT ON source.* TO domicile;
-- To make tables and write to them, by way of a temporary one. ALTER is for `delivery.add_columns`.
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE TEMPORARY TABLES, ALTER ON control.* TO domicile;
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE TEMPORARY TABLES, ALTER ON spain.* TO domicile;
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE TEMPORARY TABLES, ALTER ON france.* TO domicile;
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE TEMPORARY TABLES, ALTER ON germany.* TO domicile;

USE source;
SET NAMES utf8mb4;

CREATE TABLE orders (
    id         bigint AUTO_INCREMENT PRIMARY KEY,
    country    varchar(80),
    customer   varchar(80) NOT NULL,
    ordered_on date NOT NULL,
    amount     decimal(12,2) NOT NULL
) DEFAULT CHARACTER SET utf8mb4;

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
