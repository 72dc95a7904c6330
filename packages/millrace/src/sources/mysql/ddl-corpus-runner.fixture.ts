import type mysql from "mysql2/promise";
import type { SharedMysql } from "../../../../../test/support/mysql.ts";
import type { Column, TableId } from "../../model/table.ts";
import { readDatabaseCharsets, readShapes } from "./catalogue.ts";
import { type MysqlConnection, openConnection } from "./connection.ts";
import { CorpusReader, type Rows, type Step, TYPES } from "./ddl-corpus-reader.fixture.ts";
import type { CorpusScript, CorpusStatement } from "./ddl-corpus.fixture.ts";
import type { MysqlShape } from "./ddl-shape.ts";
import { EventType } from "./event-types.ts";
import { decodeQuery, type QueryEvent } from "./query-event.ts";
import { configOf, eventsTold } from "./told-events.fixture.ts";

/** What came of a corpus. */
export interface CorpusResult {
  /** What the log's text led us to believe and the server did not have. */
  readonly wrong: readonly string[];
  /** Statements that the server refused and was not meant to. */
  readonly refused: readonly string[];
  readonly ran: number;
  /** How many of them were not understood. */
  readonly unknown: number;
}

/** Runs statements, reads them back from the log, and holds the shapes that they make against the catalogue. */
export async function runCorpus(
  server: SharedMysql,
  scripts: readonly CorpusScript[],
): Promise<CorpusResult> {
  const { schemas, fill } = await prepare(server);
  const { file, position } = await server.binlogEnd();
  await using session = await server.connect();
  const catalogue = await openConnection(configOf(server));
  const charsets = await readDatabaseCharsets(catalogue);
  const runner = new Runner(session, catalogue, schemas);
  for (const statements of scripts) {
    for (const statement of statements)
      await runner.run({ ...statement, sql: fill(statement.sql) });
    await dropAll(session, schemas);
  }
  await catalogue.close();
  const events = await eventsTold(server, { fileName: file, at: position });
  const reader = readCorpus(server, charsets, runner.steps, statementsIn(schemas, events));
  const { wrong, unknown } = reader;
  return { wrong, unknown, refused: runner.refused, ran: runner.steps.length };
}

function readCorpus(
  { flavor, version }: SharedMysql,
  charsets: Map<string, string>,
  steps: readonly Step[],
  told: readonly QueryEvent[],
): CorpusReader {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(parseFloat);
  const dialect = { flavor, version: major * 10_000 + minor * 100 + patch };
  const reader = new CorpusReader(charsets, dialect);
  let from = 0;
  for (const [index, step] of steps.entries()) {
    const mark = new RegExp(`mark_${index}\\b`);
    const to = told.findIndex(({ sql }) => mark.test(sql));
    if (to < from) throw new Error(`the log has no mark behind ${step.statement.sql}`);
    reader.step(step, told.slice(from, to));
    from = to + 1;
  }
  return reader;
}

class Runner {
  readonly steps: Step[] = [];
  readonly refused: string[] = [];
  readonly #session: mysql.Connection;
  readonly #catalogue: MysqlConnection;
  readonly #schemas: readonly string[];

  constructor(session: mysql.Connection, catalogue: MysqlConnection, schemas: readonly string[]) {
    this.#session = session;
    this.#catalogue = catalogue;
    this.#schemas = schemas;
  }

  async run(statement: CorpusStatement): Promise<void> {
    const { sql } = statement;
    try {
      await this.#session.query(sql);
    } catch (error) {
      if (!statement.mayFail) this.refused.push(`${sql}: ${String(error)}`);
      return;
    }
    if (/^(?:SET|INSERT)/.test(sql)) {
      const last = this.steps.at(-1);
      if (last !== undefined && sql.startsWith("INSERT"))
        this.steps[this.steps.length - 1] = {
          ...last,
          rows: await this.#rows([...last.shapes.values()]),
        };
      return;
    }
    await this.#session.query(`DROP TABLE IF EXISTS mark_${this.steps.length}`);
    const shapes = await this.#shapes();
    const rows = await this.#rows(shapes);
    this.steps.push({
      statement,
      rows,
      shapes: new Map(shapes.map((s) => [s.id, s])),
    });
  }

  async #shapes(): Promise<MysqlShape[]> {
    const marks = this.#schemas.map(() => "?").join(",");
    const names = await this.#catalogue.query(
      `SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN (${marks})`,
      this.#schemas,
    );
    const tables = names.map(([schema, name]) => ({ schema: schema ?? "", name: name ?? "" }));
    return readShapes(this.#catalogue, tables, TYPES);
  }

  async #rows(shapes: readonly MysqlShape[]): Promise<Map<TableId, Rows>> {
    const found = new Map<TableId, Rows>();
    for (const { id, schema, name, columns } of shapes) {
      const names = columns.map(selected).join(", ");
      const [rows] = await this.#session.query<mysql.RowDataPacket[]>(
        `SELECT ${names} FROM ${quote(schema)}.${quote(name)}`,
      );
      if (rows.length > 0) found.set(id, rows);
    }
    return found;
  }
}

/** The driver has no NULL of vectors. */
function selected({ name, sourceType }: Column): string {
  return sourceType.startsWith("vector") ? `HEX(${quote(name)}) ${quote(name)}` : quote(name);
}

const quote = (name: string): string => `\`${name.replaceAll("`", "``")}\``;

function statementsIn(
  databases: readonly string[],
  events: Awaited<ReturnType<typeof eventsTold>>,
): QueryEvent[] {
  return events
    .filter(({ type }) => type === EventType.QUERY)
    .map(({ body }) => decodeQuery(body, 0, body.length))
    .filter((event) => databases.includes(event.database));
}

async function prepare(
  server: SharedMysql,
): Promise<{ readonly schemas: string[]; readonly fill: (sql: string) => string }> {
  const second = new URL(await server.createDatabase("ddl2")).pathname.slice(1);
  const third = new URL(await server.createDatabase("ddl3")).pathname.slice(1);
  await server.query(`DROP DATABASE ${third}`);
  const fill = (sql: string): string =>
    sql.replaceAll("{db}", server.database).replaceAll("{db2}", second).replaceAll("{db3}", third);
  return { schemas: [server.database, second, third], fill };
}

/** What a script has left. */
async function dropAll(session: mysql.Connection, schemas: readonly string[]): Promise<void> {
  const [rows] = await session.query<mysql.RowDataPacket[]>(
    "SELECT table_schema AS s, table_name AS n FROM information_schema.tables WHERE table_schema IN (?)",
    [schemas],
  );
  const names = rows.map(({ s, n }) => `${quote(String(s))}.${quote(String(n))}`);
  if (names.length > 0) await session.query(`DROP TABLE ${names.join(", ")}`);
}
