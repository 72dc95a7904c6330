/**
 * A database into Kafka, and its topics into DSQL: equal tables in the end, and each change once in its topic, in the order of its
 * key, while either process is killed.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../support/kafka.ts";
import { liveChainLife } from "./chain-kill-life.ts";
import { chainTables } from "./chain-tables.ts";
import { consumedMessages } from "./console-consumer.ts";
import { compareDatabases } from "./compare-databases.ts";
import { CountingWriter } from "./counting-writer.ts";
import { buildSource } from "./database.ts";
import { callToEnd, MillraceCall } from "./millrace-call.ts";
import { MillraceProcess } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";
import { insertRange } from "./sample-table.ts";
import { makeSource, type SourceKind, sourceKinds, type TestSource } from "./sources.ts";
import { openClient, patiently } from "./sql-client.ts";
import { makeTarget, type Target } from "./targets.ts";
import { wrongCounts } from "./topic-counts.ts";
import { Numbers, writeSession } from "./writer.ts";

/** Each kill is a start of both: one of each in `npm test`; in the long form all places, and every kind of source. */
const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const kinds: readonly SourceKind[] = isFull ? sourceKinds : ["postgres", "mysql"];
/** Where the writer of topics dies, and at the same time their reader. */
const kills: readonly (readonly [into: string, from: string])[] = [
  ["kafka.committed=kill@4", "lane.after-commit=kill@3"],
  ...(isFull
    ? ([
        ["kafka.sent=kill@5", "lane.before-commit=kill@4"],
        ["lane.after-commit=kill@4", "kafka-log.fetched=kill@6"],
        ["frontier.written=kill@2", "frontier.written=kill@2"],
        ["kafka.sent=kill@2", "reader.batch-entered=kill@5"],
      ] as const)
    : []),
];
const COUNTED = 100;
const TRANSACTIONS = isFull ? 60 : 20;
const KILL_TIMEOUT_MS = 240_000;
const ARRIVAL_TIMEOUT_MS = 240_000;

it.each(kinds)(
  "brings %s over topics into DSQL, and tells every change once, whoever is killed",
  async (kind) => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-kafka-chain-"));
    await using kafka = await sharedKafka();
    const [source, target] = await Promise.all([makeSource(kind), makeTarget("dsql")]);
    try {
      const chain = new Chain(source, kafka, target, folder);
      await chain.begin();
      for (const [index, kill] of kills.entries()) await chain.killBoth(kill, index);
      expect(await chain.end()).toEqual([]);
      const read = async (bootstrap: string, topic: string): Promise<readonly string[]> =>
        // Transactions of who was killed are aborted, and a busy machine is silent for long: only Kafka's own consumer will do.
        (await consumedMessages(bootstrap, topic)).map(({ value }) => payloadOf(value ?? "{}"));
      const schema = `${kafka.prefix}${source.schema}`;
      expect(await wrongCounts(source, "counted", kafka.bootstrap, { schema, read })).toEqual([]);
    } finally {
      await Promise.all([source.release(), target.release()]);
      await rm(folder, { recursive: true });
    }
  },
  KILL_TIMEOUT_MS * kills.length + ARRIVAL_TIMEOUT_MS,
);

it("brings rows, keys and columns that come over topics into DSQL through cuts, and through a kill", async () => {
  const missed: string[] = [];
  const found = await liveChainLife({
    from: "mysql",
    guarantee: "exactly-once",
    seed: 1,
    blows: ["cut", "from:lane.after-commit"],
    isKilledAtBirth: false,
    onBlow: (what, isMissed) => void (isMissed && missed.push(what)),
  });
  expect([found, missed]).toEqual([[], []]);
}, 600_000);

/** Of a message with its schema. */
function payloadOf(json: string): string {
  const { payload = {} } = JSON.parse(json) as { readonly payload?: object };
  return JSON.stringify(payload);
}

/** Two pipelines, one behind the other. */
class Chain {
  readonly #source: TestSource;
  readonly #kafka: SharedKafka;
  readonly #target: Target;
  readonly #folder: string;
  readonly #numbers = new Numbers();

  constructor(source: TestSource, kafka: SharedKafka, target: Target, folder: string) {
    this.#source = source;
    this.#kafka = kafka;
    this.#target = target;
    this.#folder = folder;
  }

  /** Makes the tables, and both files. */
  async begin(): Promise<void> {
    const source = this.#source;
    await buildSource(source.url, chainTables(source.kind));
    await source.query("CREATE TABLE counted (id int PRIMARY KEY, n int NOT NULL)");
    const numbers = Array.from({ length: COUNTED }, (_, at) => `(${at + 1}, 0)`);
    await source.query(`INSERT INTO counted VALUES ${numbers.join(", ")}`);
    // A load of such a table tells of a TRUNCATE first, which only a partition that has all rows of it may.
    await this.#kafka.createTopic(`${source.schema}.c_keyless`, 1);
    const bootstrap = { "properties.bootstrap.servers": this.#kafka.bootstrap };
    await writePipelineFile({
      path: join(this.#folder, "into.yaml"),
      name: `${source.database}-into`,
      sourceUrl: source.url,
      tables: source.kind === "postgres" ? String.raw`public.\.*` : String.raw`\.*`,
      sink: {
        type: "kafka",
        ...bootstrap,
        "topic.pattern": `${this.#kafka.prefix}{schema}.{table}`,
        "topic.partitions": 2,
        // Types of databases: without it dates are numbers.
        "debezium-json.include-schema.enabled": true,
      },
    });
    await callToEnd(this.#args("into", "--until-caught-up"));
    const from = {
      source: {
        type: "kafka",
        ...bootstrap,
        "topic-pattern": `${this.#kafka.prefix}.*`,
        "properties.session.timeout.ms": "6s",
        "properties.heartbeat.interval.ms": "300ms",
      },
      sink: this.#target.sink,
      pipeline: { name: `${source.database}-from` },
    };
    await writeFile(join(this.#folder, "from.yaml"), JSON.stringify(from)); // JSON is YAML
  }

  /** Both die while rows are written, and columns come. */
  async killBoth([into, from]: readonly [string, string], index: number): Promise<void> {
    const runs = [
      new MillraceProcess(this.#args("into"), into),
      new MillraceProcess(this.#args("from"), from),
    ];
    const writer = new CountingWriter(this.#source, "counted", COUNTED);
    try {
      const endings = runs.map((run) => run.wait(KILL_TIMEOUT_MS));
      const writing = this.#write(index);
      const signals = (await Promise.all(endings)).map(({ signal }) => signal);
      expect(signals, `${into}, ${from}`).toEqual(["SIGKILL", "SIGKILL"]);
      await writing;
    } finally {
      await writer.stop();
      for (const run of runs) run.kill();
    }
  }

  /** What still differs once all that was written has had its time: partitions of who died are nobody's for a while. */
  async end(): Promise<readonly unknown[]> {
    await callToEnd(this.#args("into", "--until-caught-up"));
    const run = new MillraceCall(this.#args("from"));
    try {
      const endMs = Date.now() + ARRIVAL_TIMEOUT_MS;
      for (;;) {
        // A comparison may meet a table that is being altered.
        const different = await this.#differences().catch((error: unknown) => [String(error)]);
        if (different.length === 0 || Date.now() > endMs || !run.isRunning) return different;
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    } finally {
      await run.stop();
    }
  }

  async #differences(): Promise<readonly unknown[]> {
    const { url, schema, kind } = this.#source;
    const names = ["counted", ...chainTables(kind).map(({ name }) => name)];
    const tables = names.map((name) => ({
      source: { schema, name },
      target: { schema: "public", name },
    }));
    return compareDatabases(url, this.#target.url, tables);
  }

  async #write(index: number): Promise<void> {
    const { url, kind } = this.#source;
    const tables = chainTables(kind);
    const sessions = [1, 2].map((session) =>
      writeSession({
        url,
        tables,
        dice: new Dice(index * 10 + session),
        numbers: this.#numbers,
        transactions: TRANSACTIONS,
        largeRows: 200,
        pauseMs: 20,
      }),
    );
    await Promise.all([...sessions, this.#grow(index)]);
  }

  async #grow(index: number): Promise<void> {
    const client = await openClient(this.#source.url);
    const table = chainTables(this.#source.kind).find(({ name }) => name === "c_grows");
    if (table === undefined) throw new Error("no table that grows");
    const column = `added_${index}`;
    const first = this.#numbers.take(5, table);
    try {
      for (const statement of [
        `ALTER TABLE c_grows ADD COLUMN ${column} integer`,
        `UPDATE c_grows SET ${column} = 7 WHERE n % 3 = 0`,
        insertRange(table, first, first + 4),
        `DELETE FROM c_grows WHERE n % 7 = 0`,
      ])
        await patiently(client, statement);
    } finally {
      await client.end();
    }
  }

  #args(name: "into" | "from", ...more: readonly string[]): string[] {
    return ["run", join(this.#folder, `${name}.yaml`), "--json", "--listen", "off", ...more];
  }
}
