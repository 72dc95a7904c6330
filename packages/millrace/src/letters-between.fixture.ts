import { startDsqlLocal } from "dsql-local";
import pg from "pg";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { dropSlots, pipelineBetween, type PipelineBetween } from "./pipeline-between.fixture.ts";

/** A source and a target that refuses some rows of it, with the pipeline between them. */
export interface LettersBetween {
  readonly source: SharedPostgres;
  readonly pipeline: PipelineBetween;
  /** A `total` that the target never takes, whatever is tried. */
  readonly bad: string;
  /** One statement at the target; every value as the server's text. */
  at(sql: string): Promise<Record<string, string | null>[]>;
  release(): Promise<void>;
}

/** Source tables: with a plain key, with an odd one, without; made anew. The targets are ours where they have to refuse. */
const TABLES = `CREATE TABLE orders (id bigint PRIMARY KEY, total numeric, note text);
  ALTER TABLE orders ALTER note SET STORAGE EXTERNAL;
  CREATE TABLE odd (flag boolean, name char(4), at timestamptz, total numeric, PRIMARY KEY (flag, name, at));
  CREATE TABLE bag (total numeric); ALTER TABLE bag REPLICA IDENTITY FULL`;

const CHECKED = `CREATE TABLE orders (id bigint PRIMARY KEY, total numeric CHECK (total < 1000), note text);
  CREATE TABLE odd (flag boolean, name text, at timestamptz, total numeric CHECK (total < 1000), PRIMARY KEY (flag, name, at));
  CREATE TABLE bag (_millrace_key text PRIMARY KEY, total numeric CHECK (total < 1000))`;

interface Target {
  readonly sink: Readonly<Record<string, unknown>>;
  readonly url: string;
  readonly bad: string;
  release(): Promise<unknown>;
}

async function postgresTarget(): Promise<Target> {
  const target = await sharedPostgres();
  await target.query(CHECKED);
  const { host, port, user: username, password, database, url } = target;
  const sink = { type: "postgres", host, port, username, password, database };
  return { sink, url, bad: "5000", release: () => target.release() };
}

/** DSQL keeps 38 digits after the point of a number without scale. */
async function dsqlTarget(): Promise<Target> {
  const cluster = await startDsqlLocal({ tls: "off" });
  const { host, port, user: username, url } = cluster;
  const login = { username, password: "any", "use-iam-auth": false, "ssl-mode": "disable" };
  const sink = { type: "dsql", host, port, ...login, database: undefined };
  return { sink, url, bad: `0.${"1".repeat(45)}`, release: () => cluster.stop() };
}

/** Both kinds of target. */
export const LETTER_TARGETS = ["postgres", "dsql"] as const;

/** Makes source and target, and the pipeline's file as an object. */
export async function lettersBetween(
  kind: (typeof LETTER_TARGETS)[number],
  options: Readonly<Record<string, unknown>> = {},
): Promise<LettersBetween> {
  const [source, target] = await Promise.all([
    sharedPostgres(),
    kind === "dsql" ? dsqlTarget() : postgresTarget(),
  ]);
  await source.query(TABLES);
  const name = `letters_${source.database}`.slice(0, 40);
  const pipeline = pipelineBetween(source, source, { name, tables: "public.\\.*" });
  const sink = Object.fromEntries(
    Object.entries({ ...target.sink, ...options }).filter(([, value]) => value !== undefined),
  );
  return {
    source,
    pipeline: { ...pipeline, sink },
    bad: target.bad,
    at: (sql) => textRows(target.url, sql),
    async release() {
      await dropSlots(source);
      await source.release();
      await target.release();
    },
  };
}

/** After a pause: lanes may still be writing; and the batch that the reader holds is given something that does not matter. */
export async function settlePause({ source }: Pick<LettersBetween, "source">): Promise<void> {
  await source.query("BEGIN; INSERT INTO bag VALUES (0); DELETE FROM bag WHERE total = 0; COMMIT");
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}

async function textRows(url: string, sql: string): Promise<Record<string, string | null>[]> {
  const parsed = new URL(url);
  const types = { getTypeParser: () => (value: unknown) => value };
  const client = new pg.Client({
    host: parsed.hostname,
    port: Number(parsed.port),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password) || "any",
    database: parsed.pathname.slice(1),
    types,
  });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, string | null>>(sql)).rows;
  } finally {
    await client.end();
  }
}
