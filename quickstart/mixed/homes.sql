-- The homes of the mixed configuration that are databases of PostgreSQL. Its source is that of ../mariadb/source.sql.
CREATE DATABASE mixed_control;
CREATE DATABASE mixed_spain;
CREATE DATABASE mixed_france;
