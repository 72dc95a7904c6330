/** From both stand-ins, moto being the one that we did not write, into a topic and into DSQL while somebody writes. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { startDsqlLocal } from "dsql-local";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../test/support/kafka.ts";
import { sharedMoto } from "../../../test/support/moto.ts";
import {
  type Clients,
  clientsOf,
  makeTable,
  start,
  type Started,
} from "../../dynamodb-local/src/testing/clients.ts";
import { clusterAt, recordsIn } from "./kafka/cluster.fixture.ts";
import { loadPipeline } from "./load-pipeline.ts";

/** What a sink has of a table: `n` by id. */
type Held = ReadonlyMap<string, string>;

interface Destination {
  readonly sink: object;
  held(table: string): Promise<Held>;
}

const LOADED = 300;
const POLL = { timeout: 60_000, interval: 200 };
const run = `s${randomBytes(4).toString("hex")}`;

let started: Started;
let kafka: SharedKafka;
let cluster: Awaited<ReturnType<typeof startDsqlLocal>>;
let dsql: pg.Client;
const standIns = new Map<string, Clients & { readonly url: string }>();
const tables: (readonly [Clients, string])[] = [];
beforeAll(async () => {
  const [moto, ...servers] = await Promise.all([
    sharedMoto(),
    start(),
    sharedKafka(),
    startDsqlLocal({ tls: "off" }),
  ]);
  [started, kafka, cluster] = servers;
  standIns.set("moto", { ...clientsOf(moto), url: moto });
  standIns.set("dynamodb-local", { ...started, url: started.local.url });
  dsql = new pg.Client({ connectionString: cluster.url });
  await dsql.connect();
});
afterAll(async () => {
  for (const [{ dynamodb }, TableName] of tables) await dynamodb.deleteTable({ TableName });
  await dsql.end();
  await Promise.all([kafka.release(), cluster.stop(), started[Symbol.asyncDispose]()]);
});

const destinations: Readonly<Record<string, (name: string) => Destination>> = {
  kafka: (name) => ({
    sink: {
      type: "kafka",
      "properties.bootstrap.servers": kafka.bootstrap,
      "value.format": "dynamodb-envelope",
      "kafka.topic.prefix": `${kafka.prefix}${name}-`,
      "state.topic": `${kafka.prefix}${name}-state`,
      "topic.partitions": "1",
    },
    held: (table) => heldByTopic(`${kafka.prefix}${name}-${table}`),
  }),
  dsql: (name) => ({
    sink: {
      type: "dsql",
      host: cluster.host,
      port: cluster.port,
      username: cluster.user,
      password: "any",
      "use-iam-auth": false,
      "ssl-mode": "disable",
      "state.schema": `millrace_${name}`,
    },
    async held(table) {
      const { rows } = await dsql.query<{ id: string; n: string }>(
        `SELECT id, n::bigint::text AS n FROM public."${table}"`,
      );
      return new Map(rows.map(({ id, n }) => [id, n]));
    },
  }),
};

/** What a reader of a topic has in the end: the last message of each key, nothing of one whose last is a tombstone. */
async function heldByTopic(topic: string): Promise<Held> {
  const reader = clusterAt(kafka.bootstrap);
  const held = new Map<string, string>();
  try {
    for (const [key, value] of await recordsIn(reader, topic)) {
      // The end of a generation is a message without key.
      if (key === null) continue;
      const { id } = JSON.parse(key) as { readonly id: string };
      if (value === null) held.delete(id);
      else held.set(id, numberIn(value));
    }
  } finally {
    await reader.close();
  }
  return held;
}

/** A delete's document is the key alone. */
function numberIn(message: string): string {
  const { document } = JSON.parse(message) as { readonly document: string };
  const { n } = JSON.parse(document) as { readonly n?: { readonly n: string } };
  return n?.n ?? "";
}

/** Puts, changes and deletes items until it is told to stop; what the table then has. */
class Writer {
  readonly items = new Map<string, string>();
  /** Writes so far, of the load's items and of others. */
  count = 0;
  readonly #dynamodb: Clients["dynamodb"];
  readonly #table: string;

  constructor(dynamodb: Clients["dynamodb"], table: string) {
    this.#dynamodb = dynamodb;
    this.#table = table;
  }

  async put(id: string, n: string): Promise<void> {
    await this.#dynamodb.putItem({
      TableName: this.#table,
      Item: { id: { S: id }, n: { N: n }, tags: { SS: ["b", "a"] } },
    });
    this.items.set(id, n);
  }

  async remove(id: string): Promise<void> {
    await this.#dynamodb.deleteItem({ TableName: this.#table, Key: { id: { S: id } } });
    this.items.delete(id);
  }

  async write(isOver: () => boolean): Promise<void> {
    for (; !isOver(); this.count += 1) {
      const at = String((this.count * 7) % (LOADED + 50));
      await (this.count % 5 === 4 ? this.remove(at) : this.put(at, String(1_000 + this.count)));
      await sleep(1);
    }
  }
}

const ways = ["dynamodb-local", "moto"].flatMap((from) =>
  Object.keys(destinations).map((to) => [from, to] as const),
);

describe.each(ways)("from %s into %s", (from, to) => {
  it("a table is loaded while it is written, and followed: all of it is there, and nothing else", async () => {
    const standIn = standIns.get(from);
    const made = destinations[to];
    if (standIn === undefined || made === undefined)
      throw new Error(`no way from ${from} to ${to}`);
    const name = `${run}_${from === "moto" ? "m" : "l"}_${to}`;
    const table = `${name}_items`;
    await makeTable(standIn.dynamodb, table);
    tables.push([standIn, table]);
    const writer = new Writer(standIn.dynamodb, table);
    for (let id = 0; id < LOADED; id++) await writer.put(String(id), "1");
    const destination = made(name);
    const pipeline = await loadPipeline({
      source: {
        type: "dynamodb",
        endpoint: standIn.url,
        "aws.region": "eu-west-1",
        "aws.access.key.id": "test",
        "aws.secret.key": "test",
        "dynamodb.table.whitelist": table,
        "init.sync.delay.period": "0",
        "stream.idle.poll.interval": "200ms",
      },
      sink: destination.sink,
      pipeline: { name },
    });
    let isOver = false;
    const writing = writer.write(() => isOver);
    try {
      await pipeline.start();
      const before = writer.count;
      await pipeline.caughtUp();
      expect(writer.count).toBeGreaterThan(before);
      const [status] = pipeline.status().tables;
      expect(status).toMatchObject({ state: "SYNC" });
      expect(status?.rowsLoaded).toBeGreaterThan(LOADED / 2);
      isOver = true;
      await writing;
      await writer.put("last", "2");
      await expect.poll(() => destination.held(table), POLL).toEqual(writer.items);
    } finally {
      isOver = true;
      await writing.catch(() => undefined);
      await pipeline.stop();
    }
  }, 180_000);
});
