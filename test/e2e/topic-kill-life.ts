/**
 * One pipeline from PostgreSQL into Kafka whose process, broker, connections and better self come to grief many times: every
 * change has to be told exactly once, in the order of its key, to a plain consumer of committed messages; in every third life at
 * least once, and then in that order from wherever a key was begun anew.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { FaultProxy } from "../support/fault-proxy.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { type KafkaCluster, startKafka } from "../support/kafka.ts";
import { sharedPostgres, type SharedPostgres } from "../support/postgres.ts";
import { CountingWriter } from "./counting-writer.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { type Section, writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";
import { type Guarantee, wrongCounts } from "./topic-counts.ts";

/** What can happen; the first is what happens most. */
export const troubles = ["failpoint", "kill", "cut", "zombie", "broker"] as const;

/** One of them. */
export type Trouble = (typeof troubles)[number];

/** By the life's seed: it is replayed as it was. */
export function guaranteeOf(seed: number): Guarantee {
  return seed % 3 === 0 ? "at-least-once" : "exactly-once";
}

/** Where a pipeline into a topic comes by again and again. */
const failpoints = [
  "kafka.ready",
  "kafka.sent",
  "kafka.committed",
  "lane.before-commit",
  "lane.after-commit",
  "frontier.written",
  "frontier.acknowledged",
  "postgres-log.after-batch",
  "postgres-log.after-acknowledge",
];
/** Reached once in a start, or while it loads. */
const early = [
  "snapshot.chunk-batch",
  "chunk.batch-sent",
  "chunk.rows-durable",
  "chunk.finished",
  "kafka.committed",
  "lane.after-commit",
];
/** Before anything else befalls a life its load is killed so often. */
const EARLY_KILLS = 3;
const table = "counted";
const rows = 300;
const reachTimeoutMs = 40_000;
const catchUpTimeoutMs = 300_000;

/** What a life is told. */
export interface TopicLifeOptions {
  readonly seed: number;
  /** What happens to it, in this order. */
  readonly troubles: readonly Trouble[];
  /** Called after each. */
  readonly onTrouble?: (what: string) => void;
}

/** Lives a life to its end; gives what is wrong with its topic. */
export async function liveTopicLife(options: TopicLifeOptions): Promise<readonly string[]> {
  const proxy = await startFaultProxy({ host: "127.0.0.1", port: 1 });
  const [kafka, source] = await Promise.all([
    startKafka({ advertisedPort: proxy.port }),
    sharedPostgres(),
  ]);
  const folder = await mkdtemp(join(tmpdir(), "millrace-topic-life-"));
  try {
    const [host = "", port = ""] = kafka.bootstrap.split(":");
    proxy.redirect({ host, port: Number(port) });
    const life = new TopicLife(options, kafka, proxy, source, join(folder, "life.yaml"));
    return await life.run();
  } finally {
    await rm(folder, { recursive: true });
    await proxy.close();
    await kafka.stop();
    await source.release();
  }
}

class TopicLife {
  readonly #options: TopicLifeOptions;
  readonly #kafka: KafkaCluster;
  readonly #proxy: FaultProxy;
  readonly #source: SharedPostgres;
  readonly #file: string;
  readonly #dice: Dice;

  constructor(
    options: TopicLifeOptions,
    kafka: KafkaCluster,
    proxy: FaultProxy,
    source: SharedPostgres,
    file: string,
  ) {
    this.#options = options;
    this.#kafka = kafka;
    this.#proxy = proxy;
    this.#source = source;
    this.#file = file;
    this.#dice = new Dice(options.seed);
  }

  async run(): Promise<readonly string[]> {
    await this.#prepare();
    const dice = new Dice(this.#options.seed + 1);
    for (let i = 0; i < EARLY_KILLS; i++)
      this.#options.onTrouble?.(await this.#killAt(`${dice.pick(early)}=kill@1`));
    for (const [i, trouble] of this.#options.troubles.entries()) {
      const writer = new CountingWriter(this.#source, table, rows);
      const what = await this.#befall(trouble, i, writer);
      await writer.stop();
      this.#options.onTrouble?.(what);
    }
    // A backlog of many transactions would take all day in small ones where the machine is busy.
    await this.#writeFile({});
    await runToEnd([...this.#args(), "--until-caught-up"], catchUpTimeoutMs);
    const guarantee = guaranteeOf(this.#options.seed);
    return wrongCounts(this.#source, table, this.#bootstrap(), { guarantee });
  }

  #befall(trouble: Trouble, nth: number, writer: CountingWriter): Promise<string> {
    switch (trouble) {
      case "failpoint":
        return this.#atFailpoint(nth);
      case "kill":
        return this.#anywhere();
      case "cut":
        return this.#cut(writer);
      case "zombie":
        return this.#zombie(writer);
      case "broker":
        return this.#broker(writer);
    }
  }

  #atFailpoint(nth: number): Promise<string> {
    const places = nth === 0 ? early : this.#later();
    const armed = `${this.#dice.pick(places)}=kill@${this.#dice.between(1, nth === 0 ? 1 : 8)}`;
    return this.#killAt(armed);
  }

  async #killAt(armed: string): Promise<string> {
    const run = new MillraceProcess(this.#args(), armed);
    await Promise.race([run.ended, sleep(reachTimeoutMs)]);
    run.kill();
    await run.ended;
    return run.killedAt === null ? `missed ${armed}` : armed;
  }

  /** Data goes ahead of its position only where nothing has to be told exactly once. */
  #later(): readonly string[] {
    const isOnce = guaranteeOf(this.#options.seed) === "exactly-once";
    return isOnce ? failpoints : [...failpoints, "kafka.data-sent", "kafka.data-sent"];
  }

  async #anywhere(): Promise<string> {
    const run = new MillraceProcess(this.#args());
    await run.running;
    const ms = this.#dice.between(0, 1500);
    await sleep(ms);
    run.kill();
    await run.ended;
    return `killed after ${ms} ms`;
  }

  /** Connections to the broker are cut behind so many bytes of either direction; the process goes on by itself. */
  async #cut(writer: CountingWriter): Promise<string> {
    const bytes = this.#dice.between(1, 60_000);
    const direction = this.#dice.pick(["up", "down"] as const);
    return this.#whileRunning(async () => {
      // Answers are short.
      const count = direction === "up" ? bytes : Math.ceil(bytes / 20);
      const plan = this.#proxy.arm({
        fault: { kind: "cut" },
        trigger: { at: "bytes", direction, count },
        times: 2,
      });
      await plan.wait(reachTimeoutMs).catch(() => undefined);
      plan.disarm();
      await writer.wrote(20);
      return `cut behind ${count} bytes ${direction}`;
    });
  }

  /** Frozen for so long that another one has taken over, and let go again: it writes nothing any more, and ends. */
  async #zombie(writer: CountingWriter): Promise<string> {
    const zombie = new MillraceProcess(this.#args());
    await zombie.running;
    await writer.wrote(this.#dice.between(5, 60));
    process.kill(zombie.pid, "SIGSTOP");
    try {
      return await this.#whileRunning(async () => {
        await writer.wrote(30);
        process.kill(zombie.pid, "SIGCONT");
        await Promise.race([zombie.ended, sleep(reachTimeoutMs)]);
        if (zombie.isRunning) throw new Error("a process that was taken over from runs on");
        await writer.wrote(20);
        return "a zombie";
      });
    } finally {
      zombie.kill();
      await zombie.ended;
    }
  }

  async #broker(writer: CountingWriter): Promise<string> {
    return this.#whileRunning(async () => {
      await this.#kafka.kill();
      await writer.wrote(this.#dice.between(5, 40));
      await this.#kafka.start();
      await writer.wrote(30);
      return "the broker killed and started again";
    });
  }

  async #whileRunning(work: () => Promise<string>): Promise<string> {
    const run = new MillraceProcess(this.#args());
    await run.running;
    try {
      const what = await work();
      if (!run.isRunning) throw new Error(`it ended by itself: ${run.tail()}`);
      return what;
    } finally {
      await run.stop();
      run.kill();
    }
  }

  async #prepare(): Promise<void> {
    await this.#source.query(
      `CREATE TABLE ${table} (id int PRIMARY KEY, n int NOT NULL, pad text);
       INSERT INTO ${table} SELECT i, 0, repeat('x', 100) FROM generate_series(1, ${rows}) i`,
    );
    // So that there often is a whole transaction behind the one under way.
    await this.#writeFile({ "batch-size": 20 });
  }

  async #writeFile(sink: Section): Promise<void> {
    const { url, database } = this.#source;
    await writePipelineFile({
      path: this.#file,
      name: `life-${database}`,
      sourceUrl: url,
      tables: `public.${table}`,
      source: {
        "slot.name": database,
        "publication.name": database,
        "scan.incremental.snapshot.chunk.size": 100,
      },
      sink: {
        type: "kafka",
        "properties.bootstrap.servers": this.#bootstrap(),
        "sink.delivery-guarantee": guaranteeOf(this.#options.seed),
        "topic.partitions": 3,
        "sink.delivery-timeout": "4s",
        "request-timeout": "3s",
        ...sink,
      },
    });
  }

  #bootstrap(): string {
    return `127.0.0.1:${this.#proxy.port}`;
  }

  #args(): string[] {
    return ["run", this.#file, "--json", "--listen", "off"];
  }
}
