import { type Dialect, madeFor } from "./dialect.ts";

/** Quotes a name. */
export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** How PostgreSQL writes it. */
export const postgresDialect: Dialect = {
  quote,
  numbers: (from, to) =>
    `(SELECT g::bigint AS n FROM generate_series(${from}, ${to}) AS g) AS numbers`,
  index: (table) => `CREATE INDEX ON ${table} (n)`,
  leaveTaken: () => "ON CONFLICT DO NOTHING",
  update: (table, columns, n, other) => {
    const assignments = columns.map(([name]) => `${quote(name)} = made.${quote(name)}`);
    return `UPDATE ${table} SET ${assignments.join(", ")} FROM ${madeFor(postgresDialect, columns, other)} WHERE ${table}.n = ${n}`;
  },
  ddlCommits: false,
  exchange: (table, one, other) =>
    [`${one} TO between_them`, `${other} TO ${one}`, `between_them TO ${other}`]
      .map((rename) => `ALTER TABLE ${table} RENAME COLUMN ${rename}`)
      .join("; "),
  retype: (column, type) => `ALTER COLUMN ${column} TYPE ${type}`,
};
