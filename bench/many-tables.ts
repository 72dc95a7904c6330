import { withClient } from "./workload.ts";

const ROWS = 10;
/** A transaction holds a lock for each table that it makes. */
const TABLES_A_TRANSACTION = 50;

const definitionOf = (name: string): string =>
  `CREATE TABLE ${name} (id bigint PRIMARY KEY, customer integer, note text, price numeric(12,2), active boolean, changed timestamptz, extra jsonb)`;

const nameOf = (table: number): string => `t${String(table).padStart(5, "0")}`;

/** Many small tables: seven columns and ten rows each. */
export const manyTables = {
  async create(url: string, count: number): Promise<void> {
    await each(url, count, (name) => [
      definitionOf(name),
      `INSERT INTO ${name} SELECT i, i, 'note ' || i, i / 3.0, true, now(), '{}' FROM generate_series(1, ${ROWS}) i`,
    ]);
  },

  /** The names, and how each is made. */
  all(count: number): readonly { readonly name: string; readonly definition: string }[] {
    return Array.from({ length: count }, (_, table) => {
      const name = nameOf(table);
      return { name, definition: definitionOf(name) };
    });
  },

  /** A row more in each. */
  async change(url: string, count: number): Promise<void> {
    await each(url, count, (name) => [
      `INSERT INTO ${name} (id, note) VALUES (${ROWS + 1}, 'changed')`,
    ]);
  },

  /** Has a row once the last change has arrived, of a log that is applied in order but for its lanes. */
  lastChange(count: number): string {
    return `SELECT FROM ${nameOf(count - 1)} WHERE id = ${ROWS + 1}`;
  },
};

async function each(
  url: string,
  count: number,
  statements: (name: string) => readonly string[],
): Promise<void> {
  await withClient(url, async (client) => {
    for (let first = 0; first < count; first += TABLES_A_TRANSACTION) {
      const tables = Math.min(TABLES_A_TRANSACTION, count - first);
      const batch = Array.from({ length: tables }, (_, i) => statements(nameOf(first + i)));
      await client.query(batch.flat().join(";\n"));
    }
  });
}
