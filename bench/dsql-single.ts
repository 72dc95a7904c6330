// Single rows through dsql-local and past it: how many a second over a few connections, and how long one takes alone.
import type pg from "pg";
import { against, atMost, median, type Figure } from "./report.ts";
import { withClient } from "./workload.ts";

const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 3);
const CONNECTIONS = 4;
/** No row is of two connections, which would be conflicts. */
const ROWS_PER_CONNECTION = 1000;
const GOAL = 0.4;
const MOST_ADDED_MS = 0.3;

const TABLE = "CREATE TABLE counted (id int PRIMARY KEY, n int NOT NULL, note text NOT NULL)";
const READ = { name: "read", text: "SELECT n, note FROM counted WHERE id = $1" };
const UPDATE = { name: "update", text: "UPDATE counted SET n = n + 1 WHERE id = $1" };

type Work = (client: pg.Client, id: number) => Promise<unknown>;

const KINDS: Readonly<Record<string, Work>> = {
  "single rows, a statement each": (client, id) => client.query({ ...UPDATE, values: [id] }),
  "single rows between BEGIN and COMMIT": async (client, id) => {
    await client.query("BEGIN");
    await client.query({ ...UPDATE, values: [id] });
    await client.query("COMMIT");
  },
};

const ALONE: Readonly<Record<string, Work>> = {
  "added to a read by key, p50": (client, id) => client.query({ ...READ, values: [id] }),
  "added to an update by key, p50": (client, id) => client.query({ ...UPDATE, values: [id] }),
};

/** Where to, and how often. */
export interface SingleRows {
  readonly throughUrl: string;
  readonly pastUrl: string;
  readonly rounds: number;
}

/** The figures of single rows, each kind in turn on both ways. */
export async function compareSingleRows(sides: SingleRows): Promise<Figure[]> {
  const { throughUrl } = sides;
  await withClient(throughUrl, async (client) => {
    await client.query(TABLE);
    for (let from = 0; from < CONNECTIONS * ROWS_PER_CONNECTION; from += ROWS_PER_CONNECTION) {
      await client.query(
        `INSERT INTO counted SELECT i, 0, 'note ' || i FROM generate_series(${from}, ${from + ROWS_PER_CONNECTION - 1}) AS i`,
      );
    }
  });
  const figures: Figure[] = [];
  for (const [name, work] of Object.entries(KINDS)) {
    const [through, past] = await inTurn(sides, (url) => ratePerSecond(url, work));
    figures.push(against(name, through, "/s", past, GOAL));
  }
  for (const [name, work] of Object.entries(ALONE)) {
    const [through, past] = await inTurn(sides, (url) => p50Ms(url, work));
    figures.push(atMost(name, Math.max(0, through - past), "ms", MOST_ADDED_MS));
  }
  await withClient(throughUrl, (client) => client.query("DROP TABLE counted"));
  return figures;
}

/** The medians of both ways. */
async function inTurn(
  { throughUrl, pastUrl, rounds }: SingleRows,
  measure: (url: string) => Promise<number>,
): Promise<[through: number, past: number]> {
  const through: number[] = [];
  const past: number[] = [];
  for (let round = 0; round < rounds; round++) {
    past.push(await measure(pastUrl));
    through.push(await measure(throughUrl));
  }
  return [median(through), median(past)];
}

async function ratePerSecond(url: string, work: Work): Promise<number> {
  const began = performance.now();
  const counts = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, connection) =>
      withClient(url, async (client) => (await repeat(client, work, connection)).length),
    ),
  );
  const done = counts.reduce((total, count) => total + count, 0);
  return done / ((performance.now() - began) / 1000);
}

async function p50Ms(url: string, work: Work): Promise<number> {
  return withClient(url, async (client) => median(await repeat(client, work, 0)));
}

/** Works for the time of a round; gives how long each took, in milliseconds. */
async function repeat(client: pg.Client, work: Work, connection: number): Promise<number[]> {
  const tookMs: number[] = [];
  const endMs = performance.now() + SECONDS * 1000;
  for (let nowMs = performance.now(); nowMs < endMs;) {
    const id = connection * ROWS_PER_CONNECTION + (tookMs.length % ROWS_PER_CONNECTION);
    await work(client, id);
    const doneMs = performance.now();
    tookMs.push(doneMs - nowMs);
    nowMs = doneMs;
  }
  return tookMs;
}
