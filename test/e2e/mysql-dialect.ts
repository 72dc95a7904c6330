import { quoteName } from "../support/mysql-database.ts";
import { type Dialect, madeFor } from "./dialect.ts";

/** How MySQL and MariaDB write it. */
export const mysqlDialect: Dialect = {
  quote: quoteName,
  numbers: (from, to) =>
    from === to
      ? `(SELECT CAST(${from} AS SIGNED) AS n) AS numbers`
      : `(WITH RECURSIVE counted AS (SELECT CAST(${from} AS SIGNED) AS n UNION ALL SELECT n + 1 FROM counted WHERE n < ${to}) SELECT n FROM counted) AS numbers`,
  index: (table) => `CREATE INDEX by_n ON ${table} (n)`,
  leaveTaken: (table) => `ON DUPLICATE KEY UPDATE ${table}.n = ${table}.n`,
  update: (table, columns, n, other) => {
    const assignments = columns.map(
      ([name]) => `${table}.${quoteName(name)} = made.${quoteName(name)}`,
    );
    return `UPDATE ${table} JOIN ${madeFor(mysqlDialect, columns, other)} SET ${assignments.join(", ")} WHERE ${table}.n = ${n}`;
  },
  ddlCommits: true,
  exchange: (table, one, other) =>
    `ALTER TABLE ${table} RENAME COLUMN ${one} TO ${other}, RENAME COLUMN ${other} TO ${one}`,
  retype: (column, type) => `MODIFY COLUMN ${column} ${type}`,
};
