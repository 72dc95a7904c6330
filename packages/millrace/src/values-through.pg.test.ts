import * as fc from "fast-check";
import { startDsqlLocal } from "dsql-local";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { drawnSeed, timeFor, valuesPerType } from "../../../test/support/test-runs.ts";
import { loadPipeline, type Pipeline } from "./index.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";
import { SAMPLE_TYPES_SQL, TYPE_SAMPLES } from "./sources/postgres/type-samples.fixture.ts";

const PER_TYPE = valuesPerType(40);

/** Half of the rows are there before the load, half come by the log, and some change. */
const HALF = Math.ceil(PER_TYPE / 2);

interface Destination {
  readonly sink: Readonly<Record<string, unknown>>;
  readonly url: string;
  release(): Promise<void>;
}

async function postgresTarget(): Promise<Destination> {
  const target = await sharedPostgres();
  const { host, port, user, password, database, url } = target;
  // Users' types are made there by the user; without them their texts would be kept.
  await target.query(SAMPLE_TYPES_SQL);
  return {
    sink: { type: "postgres", host, port, username: user, password, database },
    url,
    release: () => target.release(),
  };
}

async function dsqlTarget(): Promise<Destination> {
  const cluster = await startDsqlLocal({ tls: "off" });
  const { host, port, user, url } = cluster;
  const sink = { type: "dsql", host, port, username: user, password: "any" };
  const trusting = { "use-iam-auth": false, "ssl-mode": "disable" };
  return {
    sink: { ...sink, ...trusting, "unconstrained-numeric": "text" },
    url,
    release: () => cluster.stop(),
  };
}

describe.each([
  ["postgres", postgresTarget],
  ["dsql", dsqlTarget],
] as const)("generated values into %s", (kind, makeTarget) => {
  // The intervals without end, which Aurora DSQL has not: they are dead letters there.
  const latest = kind === "dsql" ? 16 : 18;
  const samples = TYPE_SAMPLES.filter(({ since = 0 }) => since <= latest);
  let source: SharedPostgres;
  let target: Destination;
  let pipeline: Pipeline;
  let atSource: Client;
  let atTarget: Client;

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), makeTarget()]);
    atSource = new Client({ connectionString: source.url });
    atTarget = new Client({ connectionString: target.url });
    await Promise.all([atSource.connect(), atTarget.connect()]);
    await atSource.query(`SET timezone = 'UTC'; ${SAMPLE_TYPES_SQL}; CREATE SCHEMA v`);
    for (const [index, { ddl }] of samples.entries())
      await atSource.query(`CREATE TABLE v.t${index} (id int PRIMARY KEY, v ${ddl})`);
    await insert(0, HALF);
    pipeline = await loadPipeline({
      ...pipelineBetween(
        source,
        { ...source },
        {
          name: source.database.slice(0, 40),
          tables: "v.\\.*",
        },
      ),
      sink: target.sink,
    });
    await pipeline.start();
    await pipeline.caughtUp();
    await insert(HALF, PER_TYPE);
    for (const index of samples.keys())
      await atSource.query(`UPDATE v.t${index} SET v = (SELECT o.v FROM v.t${index} o WHERE o.id = t.id + 1)
        FROM v.t${index} t WHERE v.t${index}.id = t.id AND t.id % 5 = 0`);
    await pipeline.caughtUp();
    // Names are written with their schema, as on the wire.
    await atSource.query("SET search_path = ''");
    if (kind === "postgres") await atTarget.query("SET search_path = ''; SET timezone = 'UTC'");
  }, timeFor(120_000));

  afterAll(async () => {
    await pipeline.stop();
    await Promise.all([atSource.end(), atTarget.end()]);
    await dropSlots(source);
    await source.release();
    await target.release();
  });

  async function insert(from: number, to: number): Promise<void> {
    for (const [index, { ddl, text }] of samples.entries()) {
      const values = fc
        .sample(text, { numRuns: PER_TYPE, seed: drawnSeed + index })
        .slice(from, to);
      await atSource.query(
        `INSERT INTO v.t${index} SELECT $2 + n, u::${ddl} FROM unnest($1::text[]) WITH ORDINALITY x(u, n)`,
        [values, from],
      );
    }
  }

  /** As each database's own output function has them. */
  async function texts(client: Client, index: number): Promise<Map<number, string | null>> {
    const { rows } = await client.query<{ id: number; text: string | null }>(
      `SELECT id, CASE WHEN v IS NOT NULL OR v IS DISTINCT FROM NULL THEN format('%s', v) END AS text FROM v.t${index}`,
    );
    return new Map(rows.map(({ id, text }) => [id, text]));
  }

  it.each(samples.map(({ ddl }, index) => [index, ddl] as const))(
    "%i: of type %s are equal by both databases' own text",
    async (index, ddl) => {
      const [wanted, got] = await Promise.all([texts(atSource, index), texts(atTarget, index)]);
      const table = pipeline.status().tables.find(({ id }) => id === `v.t${index}`);
      const different = [...wanted].filter(([id, text]) => got.get(id) !== text);
      const where = `${ddl}, seed ${drawnSeed}`;
      expect(table?.state).toBe("SYNC");
      const said = different.slice(0, 3).map(([id, text]) => [id, text, got.get(id)]);
      expect(said, where).toEqual([]);
      expect(got.size).toBe(PER_TYPE);
      expect(table?.deadLetters, where).toBe(0);
    },
  );
});
