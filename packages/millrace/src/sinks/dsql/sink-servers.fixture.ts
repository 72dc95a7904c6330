import { startDsqlLocal } from "dsql-local";
import { Client } from "pg";
import { sharedPostgres } from "../../../../../test/support/postgres.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogicalType } from "../../model/logical-type.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import type { Commit, CommitResult, LaneStamp, Sink, StateEntry, Write } from "../../model/sink.ts";
import type { Column, TableShape } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";
import type { SqlSinkContext } from "./create-sql-sink.ts";
import { createSqlSink } from "./create-sql-sink.ts";
import type { SqlSinkInput } from "./options.ts";
import type { SinkProfile } from "./profile.ts";
import { DSQL, POSTGRES } from "./profile.ts";
import { SinkConnection } from "./sink-connection.ts";
import type { SqlSink } from "./sql-sink.ts";

/** A server that the sink writes to, real in both cases. */
export interface SinkServer {
  readonly profile: SinkProfile;
  readonly host: string;
  readonly port: number;
  /** A sink on it, closed with the server. */
  sink(options?: Partial<SqlSinkInput>, context?: Partial<SqlSinkContext>): SqlSink;
  /** A session, of another role where one is named; the caller closes it. */
  session(role?: string): Promise<SinkConnection>;
  /** One statement over a session of its own; every value as the server's text. */
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, string | null>[]>;
  stop(): Promise<void>;
}

interface Address {
  readonly profile: SinkProfile;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  release(): Promise<void>;
}

/** Both kinds of server, for `describe.each`. */
export const SINK_SERVERS = [
  {
    name: "postgres",
    start: async () => {
      const postgres = await sharedPostgres();
      const { host, port, user, password, database } = postgres;
      const release = () => postgres.release();
      return serverOf({ profile: POSTGRES, host, port, user, password, database, release });
    },
  },
  {
    name: "dsql",
    start: async () => {
      const cluster = await startDsqlLocal({ tls: "off" });
      const { host, port, user, database } = cluster;
      const release = () => cluster.stop();
      return serverOf({ profile: DSQL, host, port, user, password: "any", database, release });
    },
  },
];

function serverOf(address: Address): SinkServer {
  const { profile, host, port, user, password, database } = address;
  const sinks: SqlSink[] = [];
  return {
    profile,
    host,
    port,
    sink(options = {}, context = {}) {
      const input: SqlSinkInput = {
        host,
        port,
        username: user,
        password,
        database,
        useIamAuth: false,
        tls: { mode: "disable" },
      };
      const ports = { clock: systemClock, random: Math.random, log: silentLogger };
      const sink = createSqlSink(profile, { ...input, ...options }, { ...ports, ...context });
      sinks.push(sink);
      return sink;
    },
    session: (role) =>
      SinkConnection.open(
        { host, port, database, user: role ?? user, password: role ?? password },
        { clock: systemClock, requestTimeoutMs: 30_000 },
      ),
    async query(sql, values = []) {
      const types = { getTypeParser: () => (value: unknown) => value };
      const client = new Client({ host, port, user, password, database, types });
      client.on("error", () => {});
      await client.connect();
      try {
        const result = await client.query<Record<string, string | null>>(sql, [...values]);
        return result.rows;
      } finally {
        await client.end();
      }
    },
    async stop() {
      await Promise.all(sinks.map((sink) => sink.close()));
      await address.release();
    },
  };
}

/** A source table for tests: names and types, the first `keyWidth` columns its key. */
export function shapeOf(
  name: string,
  columns: Readonly<Record<string, LogicalType>>,
  keyWidth = 1,
  schema = "public",
): TableShape {
  return {
    id: tableId(schema, name),
    schema,
    name,
    identity: name,
    columns: Object.entries(columns).map(([column, type], index): Column => ({
      name: column,
      type,
      sourceType: type.kind,
      nullable: index >= keyWidth,
      ordinal: index + 1,
    })),
    key: Array.from({ length: keyWidth }, (_, index) => index),
  };
}

export const BIGINT: LogicalType = { kind: "int", bits: 64 };
export const TEXT: LogicalType = { kind: "text", maxChars: null };

/** A commit of lane 0 with that seq, or of the lanes given. */
export function commitOf(
  fence: number,
  lanes: readonly LaneStamp[] | number,
  writes: readonly Write[] = [],
  state: readonly StateEntry[] = [{ key: "frontier", value: 1 }],
): Commit {
  const stamps = typeof lanes === "number" ? [{ lane: 0, expectedSeq: lanes }] : lanes;
  return { fence, lanes: stamps, writes, state, deadLetters: [], superseded: [] };
}

/** Sends a commit as the pipeline does: again while another transaction, or the catalogue, was first. */
export async function send(sink: Sink, commit: Commit): Promise<CommitResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await sink.commit(commit);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.class !== "conflict" || attempt > 5)
        throw error;
    }
  }
}
