import {
  databaseOn,
  sharedPostgres,
  type PostgresDatabase,
  type PostgresServer,
} from "../../../../../test/support/postgres.ts";
import type { LogBatch, LogItem } from "../../model/change.ts";
import { type Logger, silentLogger, systemClock } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import type { ConnectorContext, LogStart } from "../../model/source.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import { readShapes } from "./catalogue.ts";
import {
  CONNECTION_DEFAULTS,
  LOG_DEFAULTS,
  type PostgresConnectionConfig,
  type PostgresLogConfig,
  type PostgresTls,
} from "./config.ts";
import { openConnection } from "./connection.ts";
import { openPostgresLog, type PostgresLog } from "./log.ts";
import { boundary, comparePositions, parseLsn } from "./position.ts";
import { preparePublication } from "./publication.ts";
import { prepareSlot } from "./slot.ts";

export const CONTEXT: ConnectorContext = {
  pipeline: "test",
  clock: systemClock,
  random: Math.random,
  log: silentLogger,
};

/** A database whose log is read by a slot and a publication of its own. */
export class LoggedDatabase implements AsyncDisposable {
  readonly server: PostgresDatabase;
  readonly connection: PostgresConnectionConfig;
  readonly settings: PostgresLogConfig;
  readonly #release: () => Promise<void>;
  readonly #logs: PostgresLog[] = [];
  tables: ReadonlyMap<TableId, TableShape> = new Map();

  constructor(
    server: PostgresDatabase,
    more: Partial<PostgresLogConfig>,
    release: () => Promise<void>,
    tls: PostgresTls = false,
  ) {
    const { host, port, user, password, database } = server;
    this.server = server;
    this.connection = { ...CONNECTION_DEFAULTS, host, port, user, password, database, tls };
    this.settings = {
      ...LOG_DEFAULTS,
      slotName: `slot_${database}`,
      publicationName: `pub "${database}"`,
      heartbeatIntervalMs: 0,
      ...more,
    };
    this.#release = release;
  }

  /** A fresh database on the shared server. */
  static async shared(
    version: 13 | 18,
    more: Partial<PostgresLogConfig> = {},
  ): Promise<LoggedDatabase> {
    const server = await sharedPostgres(version);
    return new LoggedDatabase(server, more, () => server.release());
  }

  /** A fresh database on a server of the test's own: no other test's slot or transaction holds its catalogue back. */
  static async on(
    server: PostgresServer,
    more: Partial<PostgresLogConfig> = {},
  ): Promise<LoggedDatabase> {
    const database = await databaseOn(server);
    return new LoggedDatabase(database, more, () => database.release());
  }

  /** Runs statements, each a transaction unless it says otherwise. */
  async run(...statements: readonly string[]): Promise<void> {
    for (const sql of statements) await this.query(sql);
  }

  /** One statement, over a connection like the log's. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    const connection = await openConnection(this.connection);
    try {
      await connection.client.query("RESET search_path");
      return (await connection.client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await connection.close();
    }
  }

  /** Makes publication and slot for the tables whose names match; the log begins here. */
  async capture(pattern: RegExp = /./, manage = true): Promise<Position> {
    const connection = await openConnection(this.connection);
    try {
      const shapes = await readShapes(connection.client, {
        matches: (schema, name) => schema === "public" && pattern.test(name),
      });
      this.tables = new Map(shapes.map((shape) => [shape.id, shape]));
      const {
        publicationName,
        publishViaPartitionRoot: viaRoot,
        slotName,
        failover,
      } = this.settings;
      await preparePublication(connection.client, {
        publicationName,
        viaRoot,
        tables: shapes,
        manage,
      });
      const request = { slotName, failover, known: null, recreate: false };
      return (await prepareSlot(connection.client, request)).start;
    } finally {
      await connection.close();
    }
  }

  async open(
    start: Partial<LogStart> = {},
    more: Partial<PostgresLogConfig> = {},
    logger: Partial<Logger> = {},
  ): Promise<PostgresLog> {
    const context = { ...CONTEXT, log: { ...silentLogger, ...logger } };
    const log = await openPostgresLog(
      { context, connection: this.connection, log: { ...this.settings, ...more } },
      { from: null, tables: this.tables, maxValueBytes: 1_048_576, ...start },
    );
    this.#logs.push(log);
    return log;
  }

  /** Where the log ends now, as a position that everything committed before is behind. */
  async end(): Promise<Position> {
    const [row] = await this.query("SELECT pg_current_wal_insert_lsn()::text AS lsn");
    // An empty transaction behind it, so that the log is seen to pass it.
    await this.query("SELECT pg_logical_emit_message(true, 'test', '')");
    return boundary(parseLsn(String(row?.["lsn"])));
  }

  /** All batches up to an {@link end}: that of now, where none is given. */
  async batches(log: PostgresLog, known: Position | null = null): Promise<LogBatch[]> {
    const end = known ?? (await this.end());
    const batches: LogBatch[] = [];
    for (;;) {
      const batch = await log.next();
      batches.push(batch);
      if (comparePositions(batch.position, end) >= 0) return batches;
    }
  }

  /** All items up to where the log ends now. */
  async items(log: PostgresLog): Promise<LogItem[]> {
    return (await this.batches(log)).flatMap((batch) => batch.items);
  }

  /** {@link items} of a log that is opened for it and closed after. */
  async read(start: Partial<LogStart> = {}, logger: Partial<Logger> = {}): Promise<LogItem[]> {
    const log = await this.open(start, {}, logger);
    try {
      return await this.items(log);
    } finally {
      await log.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const log of this.#logs) await log.close();
    await this.#release();
  }
}

/** What a change says, without its objects. */
export function said(item: LogItem): unknown[] {
  if (item.kind === "shape")
    return [
      "shape",
      item.shape.id,
      item.shape.columns.map((column) => column.name),
      item.rewritten,
    ];
  if (item.kind !== "change") return [item.kind, item.table];
  const { op, shape, before, after, movedFrom } = item;
  return movedFrom === null ? [op, shape.name, before, after] : ["move", shape.name, before, after];
}
