import type { MysqlDatabase } from "../../../../../test/support/mysql.ts";
import type { Change, LogItem } from "../../model/change.ts";
import { systemClock } from "../../model/ports.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import { Skimmed, UNCHANGED, type Value } from "../../model/value.ts";
import { CapturedTables } from "./captured-tables.ts";
import { readMoment } from "./catalogue-moment.ts";
import { openConnection } from "./connection.ts";
import { placed } from "./kept-shape.ts";
import { openMysqlLog } from "./log.ts";
import { startOf } from "./logged-items.fixture.ts";
import { comparePositions, type LogPosition, logPosition } from "./position.ts";
import type { MysqlLog } from "./replication-log.ts";
import { StatementReader } from "./statement-reader.ts";
import { readStatementServer } from "./statement-server.ts";
import { anyServerId, configOf } from "./told-events.fixture.ts";
import type { TypeOptions } from "./types.ts";

const TYPES: TypeOptions = {
  tinyint1AsBoolean: false,
  timeAsInterval: false,
  geometry: "geojson",
};

/** What was told, where, and what the pipeline had then. */
export interface Step {
  readonly line: string;
  readonly position: LogPosition;
  readonly kept: ReadonlyMap<TableId, TableShape>;
}

/** What tables are followed with. */
interface FollowOptions {
  readonly from: LogPosition;
  readonly tables: ReadonlyMap<TableId, TableShape>;
  readonly assumesCatalogue?: boolean;
  readonly onlineSchemaChanges?: boolean;
  readonly ignoredDatabases?: readonly string[];
  /** What is durable behind `from`. */
  readonly ahead?: readonly LogPosition[];
}

/** The log of some tables, and what the pipeline would keep of them. */
export class ToldTables implements AsyncDisposable {
  readonly #server: MysqlDatabase;
  readonly #log: MysqlLog;
  readonly tables: CapturedTables;
  /** As a barrier makes them durable. */
  readonly kept: Map<TableId, TableShape>;
  /** Everything up to here was told. */
  position: LogPosition;
  readonly items: LogItem[] = [];
  /** Of each item: what was kept behind it, and its line. */
  readonly steps: Step[] = [];

  private constructor(
    server: MysqlDatabase,
    log: MysqlLog,
    tables: CapturedTables,
    options: FollowOptions,
  ) {
    this.#server = server;
    this.#log = log;
    this.tables = tables;
    this.kept = new Map(options.tables);
    this.position = options.from;
  }

  static async open(server: MysqlDatabase, options: FollowOptions): Promise<ToldTables> {
    const session = await openConnection(configOf(server));
    const tables = new CapturedTables({
      tables: roundTrip(options.tables),
      adopted: new Set(),
      paused: new Set(),
      ahead: options.ahead ?? [],
      values: { zeroDatesAreNull: false },
      statements: new StatementReader(await readStatementServer(session), TYPES, {
        onlineSchemaChanges: options.onlineSchemaChanges === true,
        ignoredDatabases: options.ignoredDatabases ?? [],
      }),
      unloggedCascades: "refuse",
      readCatalogue: async (names) => {
        const other = await openConnection(configOf(server));
        try {
          return await readMoment(other, names, TYPES);
        } finally {
          await other.close();
        }
      },
      assumesCatalogue: options.assumesCatalogue === true,
    });
    await session.close();
    const log = await openMysqlLog(
      {
        clock: systemClock,
        connection: configOf(server),
        serverId: anyServerId(),
        uuid: crypto.randomUUID(),
        heartbeatMs: 200,
        silenceTimeoutMs: 60_000,
        batchBytes: 100_000,
        heldBytes: 250_000,
        limits: { maxValueBytes: 4_000_000, maxRowBytes: 16_000_000 },
        tables,
      },
      options.from,
    );
    return new ToldTables(server, log, tables, options);
  }

  /** What the log says up to its end as of the call, a line each. */
  async told(): Promise<string[]> {
    const end = await startOf(this.#server);
    const lines: string[] = [];
    while (comparePositions(this.position, end) < 0) {
      const batch = await this.#log.next();
      this.position = logPosition(batch.position);
      for (const item of batch.items) {
        this.items.push(item);
        if (item.kind === "shape") this.kept.set(item.shape.id, item.shape);
        const line = lineOf(item);
        lines.push(line);
        const position = logPosition(item.position ?? batch.position);
        this.steps.push({ line, position, kept: new Map(this.kept) });
      }
    }
    return lines;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#log.close();
  }
}

/** Tables as the catalogue has them, from now on. */
export async function shapesNow(
  server: MysqlDatabase,
  ...names: readonly string[]
): Promise<Map<TableId, TableShape>> {
  const session = await openConnection(configOf(server));
  try {
    const tables = names.map((name) => {
      const [schema = "", table] = name.split(".");
      return table === undefined ? { schema: server.database, name } : { schema, name: table };
    });
    const moments = await readMoment(session, tables, TYPES);
    return new Map(
      [...moments].flatMap(([id, { shape, end }]) => {
        const group = { ...end, era: 1, n: null, hash: null };
        return shape === null ? [] : [[id, placed(shape, group, 0)] as const];
      }),
    );
  } finally {
    await session.close();
  }
}

/** Follows tables from now on, and the copies that tools alter in their place. */
export async function followOnline(
  server: MysqlDatabase,
  ...names: readonly string[]
): Promise<ToldTables> {
  const tables = await shapesNow(server, ...names);
  const from = await startOf(server);
  return ToldTables.open(server, { from, tables, onlineSchemaChanges: true });
}

/** Follows a table from now on; what is written in words to these databases is passed by. */
export async function followIgnoring(
  server: MysqlDatabase,
  ignoredDatabases: readonly string[],
  name: string,
): Promise<ToldTables> {
  const tables = await shapesNow(server, name);
  return ToldTables.open(server, { from: await startOf(server), tables, ignoredDatabases });
}

/** Follows tables from now on. */
export async function follow(
  server: MysqlDatabase,
  ...names: readonly string[]
): Promise<ToldTables> {
  const tables = await shapesNow(server, ...names);
  return ToldTables.open(server, { from: await startOf(server), tables });
}

function roundTrip(tables: ReadonlyMap<TableId, TableShape>): Map<TableId, TableShape> {
  // oxlint-disable-next-line typescript/no-unsafe-return -- as the sink gives it back
  return new Map([...tables].map(([id, shape]) => [id, JSON.parse(JSON.stringify(shape))]));
}

function lineOf(item: LogItem): string {
  if (item.kind === "change") return changeLine(item);
  if (item.kind === "dropped" && item.renamedTo !== undefined)
    return `dropped ${nameOf(item.table)} as ${nameOf(item.renamedTo)}`;
  if (item.kind !== "shape") return `${item.kind} ${nameOf(item.table)}`;
  const { shape, rewritten, rows = "same" } = item;
  const columns = shape.columns.map(({ name, sourceType, ordinal }, index) => {
    const key = shape.key.includes(index) ? "*" : "";
    return `${name}${key}#${ordinal} ${sourceType}`;
  });
  return `shape ${shape.name} (${columns.join(", ")}) rewritten [${rewritten.join()}] rows ${rows}`;
}

function nameOf(id: TableId): string {
  return id.replace(/^[^.]*\./, "");
}

function changeLine({ op, shape, before, after }: Change): string {
  const row = op === "d" ? before : after;
  const values = shape.columns.map(({ name }, index) => `${name}=${textOf(row?.[index])}`);
  return `${op} ${shape.name} ${values.join(" ")}`;
}

function textOf(value: Value | undefined): string {
  if (value === UNCHANGED) return "?";
  return value instanceof Skimmed ? `<${value.bytes}>` : String(value);
}
