/**
 * One pipeline from a database into Kafka whose process, brokers, connections and better self come to grief many times: every change
 * has to be told exactly once, in the order of its key, to a plain consumer of committed messages; in every third life at least once,
 * and then in that order from wherever a key was begun anew.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { transactionalId } from "../../packages/millrace/src/sinks/kafka/topic-names.ts";
import type { FaultProxy } from "../support/fault-proxy.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { adminOf, createTopic, type KafkaCluster, type KafkaSettings } from "../support/kafka.ts";
import { BrokerTroubles, startLifeKafka } from "./broker-troubles.ts";
import { CountingWriter } from "./counting-writer.ts";
import { keptIfWrong, type LifeFolder } from "./life-folder.ts";
import { recordLog } from "./life-servers.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { MixedWriter, REFUSED_CONFIGS } from "./mixed-writer.ts";
import { type Section, writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";
import { allOf, makeSource, type SourceKind, type TestSource } from "./sources.ts";
import { type Guarantee, wrongCounts } from "./topic-counts.ts";
import { wrongLedger } from "./topic-ledger.ts";
import { topicPlaces, type TopicWay, wayTo } from "./topic-places.ts";

/** What can happen; the first is what happens most. */
export const troubles = ["failpoint", "kill", "cut", "zombie", "broker", "coordinator"] as const;

/** One of them. */
export type Trouble = (typeof troubles)[number];

/** By the life's seed: it is replayed as it was. */
export function guaranteeOf(seed: number): Guarantee {
  return seed % 3 === 0 ? "at-least-once" : "exactly-once";
}

/** Before anything else befalls a life it is killed so often where it begins and loads. */
const EARLY_KILLS = 3;
const EARLY: ReadonlySet<TopicWay> = new Set(["birth", "start", "load", "keyless"]);
const counted = "counted";
const rows = 300;
const PARTITIONS = 3;
/** A table that comes later is loaded where the others are not. */
const LATER_ROWS = 250;
/** How often a process surely comes by. */
const MOST: Readonly<Record<TopicWay, number>> = {
  stream: 8,
  start: 1,
  birth: 1,
  load: 2,
  keyless: 1,
  barrier: 2,
  seldom: 1,
};
/** Once in seconds, or where there is a backlog. */
const SLOW = /^(frontier|postgres-log|mysql-log)\.|^kafka\.ready$/;
const reachTimeoutMs = 40_000;
/** A backlog of thousands of transactions has to pass on a machine that others fill, too. */
const catchUpTimeoutMs = 900_000;

/** What a life is told. */
export interface TopicLifeOptions {
  readonly from: SourceKind;
  readonly seed: number;
  /** What happens to it, in this order. */
  readonly troubles: readonly Trouble[];
  /** How often it is killed before where it begins and loads; three times. */
  readonly earlyKills?: number;
  /** Called after each. */
  readonly onTrouble?: (what: string) => void;
}

/** Lives a life to its end; gives what is wrong with its topics. */
export async function liveTopicLife(options: TopicLifeOptions): Promise<readonly string[]> {
  const proxy = await startFaultProxy({ host: "127.0.0.1", port: 1 });
  const [kafka, source] = await Promise.all([
    startLifeKafka(proxy, options.troubles.includes("coordinator")),
    makeSource(options.from),
  ]);
  try {
    const servers = { brokers: kafka.brokers, databases: { source: source.url } };
    return await keptIfWrong(servers, (folder) =>
      new TopicLife(options, { kafka, proxy, source, folder }).run(),
    );
  } finally {
    await proxy.close();
    await kafka.stop();
    await source.release();
  }
}

interface Parts {
  readonly kafka: KafkaCluster;
  readonly proxy: FaultProxy;
  readonly source: TestSource;
  readonly folder: LifeFolder;
}

class TopicLife {
  readonly #options: TopicLifeOptions;
  readonly #kafka: KafkaCluster;
  readonly #brokers: BrokerTroubles;
  readonly #source: TestSource;
  readonly #folder: LifeFolder;
  readonly #dice: Dice;
  readonly #mixed: MixedWriter;
  readonly #reached = new Set<string>();

  constructor(options: TopicLifeOptions, { kafka, proxy, source, folder }: Parts) {
    this.#options = options;
    this.#kafka = kafka;
    this.#source = source;
    this.#folder = folder;
    this.#dice = new Dice(options.seed);
    this.#brokers = new BrokerTroubles(kafka, proxy, this.#dice);
    this.#mixed = new MixedWriter(source.url, new Dice(options.seed + 2), {
      onWritten: (text) => folder.noteIn("written.log", text),
    });
  }

  async run(): Promise<readonly string[]> {
    await this.#prepare();
    await this.#beginnings();
    for (const [i, trouble] of this.#options.troubles.entries()) {
      this.#tell(await this.#whileWriting((writer) => this.#befall(trouble, i, writer)));
    }
    // A backlog of many transactions would take all day in small ones where the machine is busy.
    await this.#writeFile({});
    await this.#mixed.last();
    await this.#catchUp();
    return [...(await this.#wrong()), ...this.#undeclared()];
  }

  /** Killed where it begins and loads, each place once: a table without a key is loaded once. Sometimes it is written meanwhile. */
  async #beginnings(): Promise<void> {
    const dice = new Dice(this.#options.seed + 1);
    let left = this.#places().filter((place) => EARLY.has(wayTo(place)));
    for (let i = 0; i < (this.#options.earlyKills ?? EARLY_KILLS); i++) {
      const place = dice.pick(left);
      left = left.filter((other) => other !== place && wayTo(other) !== "birth");
      const kill = (): Promise<string> => this.#killAt(`${place}=kill@1`);
      this.#tell(await (dice.chance(0.5) ? this.#whileWriting(kill) : kill()));
    }
  }

  #tell(what: string): void {
    this.#folder.note(what);
    this.#options.onTrouble?.(what);
  }

  /** The rows that are counted, and all others. */
  async #whileWriting(work: (writer: CountingWriter) => Promise<string>): Promise<string> {
    const writer = new CountingWriter(this.#source, counted, rows);
    const over = new AbortController();
    const mixed = this.#mixed.run(over.signal);
    try {
      return await work(writer);
    } finally {
      over.abort();
      await Promise.all([writer.stop(), mixed]);
    }
  }

  async #catchUp(): Promise<void> {
    const args = [...this.#args(), "--until-caught-up"];
    const log = this.#folder.nextLog("last");
    this.#note(await runToEnd(args, catchUpTimeoutMs, "*=tell", log));
  }

  #note({ reached }: MillraceProcess): void {
    for (const place of reached) this.#reached.add(place.split(" ")[0] ?? place);
  }

  async #wrong(): Promise<readonly string[]> {
    const guarantee = guaranteeOf(this.#options.seed);
    const { schema } = this.#source;
    const bootstrap = this.#kafka.bootstrap;
    const found = [await wrongCounts(this.#source, counted, bootstrap, { guarantee, schema })];
    for (const [table, { ledger, compare }] of this.#mixed.tables)
      found.push(
        await wrongLedger(ledger, `${schema}.${table}`, { bootstrap, guarantee, compare }),
      );
    return found.flat();
  }

  /** Places that no kill is drawn for. */
  #undeclared(): string[] {
    const { from, seed } = this.#options;
    const declared = new Set(topicPlaces(from, guaranteeOf(seed), "all"));
    return [...this.#reached]
      .filter((place) => !declared.has(place))
      .map((place) => `reached where it should not be: ${place}`);
  }

  #places(): readonly string[] {
    return topicPlaces(this.#options.from, guaranteeOf(this.#options.seed));
  }

  #befall(trouble: Trouble, nth: number, writer: CountingWriter): Promise<string> {
    switch (trouble) {
      case "failpoint":
        return this.#atFailpoint(nth);
      case "kill":
        return this.#anywhere();
      case "cut":
        // The process goes on by itself.
        return this.#whileRunning(() => this.#brokers.cut(writer));
      case "zombie":
        return this.#zombie(writer);
      case "broker":
        return this.#whileRunning(() => this.#brokers.restart(writer));
      case "coordinator":
        return this.#whileRunning(() =>
          this.#brokers.moveCoordinator(transactionalId(this.#name, "0"), writer),
        );
    }
  }

  async #atFailpoint(nth: number): Promise<string> {
    const places = this.#places().filter((place) => wayTo(place) !== "birth");
    const place = this.#dice.pick(places);
    const way = wayTo(place);
    // Of the first nobody knows whether all is loaded.
    if (way === "load") await this.#mixed.makeLater(`later_${nth}`, LATER_ROWS);
    if (way === "keyless") await this.#mixed.makeLater(`later_${nth}`, LATER_ROWS, "keyless");
    const most = SLOW.test(place) ? 2 : MOST[way];
    return this.#killAt(`${place}=kill@${this.#dice.between(1, most)}`);
  }

  async #killAt(armed: string): Promise<string> {
    const run = this.#start(`${armed};*=tell`);
    await Promise.race([run.ended, sleep(reachTimeoutMs)]);
    if (!run.isRunning && run.killedAt === null)
      throw new Error(`it ended by itself: ${run.tail()}`);
    run.kill();
    await run.ended;
    this.#note(run);
    return run.killedAt === null ? `missed ${armed}` : armed;
  }

  #start(failpoints?: string): MillraceProcess {
    return new MillraceProcess(this.#args(), failpoints, this.#folder.nextLog("run"));
  }

  async #anywhere(): Promise<string> {
    const run = this.#start();
    await run.running;
    const ms = this.#dice.between(0, 1500);
    await sleep(ms);
    run.kill();
    await run.ended;
    return `killed after ${ms} ms`;
  }

  /** Frozen for so long that another one has taken over, and let go again: it writes nothing any more, and ends. */
  async #zombie(writer: CountingWriter): Promise<string> {
    const zombie = this.#start();
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

  async #whileRunning(work: () => Promise<string>): Promise<string> {
    const run = this.#start();
    await run.running;
    try {
      const what = await work();
      if (!run.isRunning) throw new Error(`it ended by itself: ${run.tail()}`);
      await run.waitForSync(this.#mixed.tables.size + 1, 0).then(
        () => this.#mixed.loaded(),
        () => undefined,
      );
      return what;
    } finally {
      await run.stop();
      run.kill();
    }
  }

  async #prepare(): Promise<void> {
    const all = Array.from({ length: rows }, (_, i) => `(${i + 1}, 0, '${"x".repeat(100)}')`);
    await recordLog(this.#source.url);
    await this.#source.query(
      `CREATE TABLE ${counted} (id int PRIMARY KEY, n int NOT NULL, pad text)`,
    );
    await this.#source.query(`INSERT INTO ${counted} VALUES ${all.join(", ")}`);
    await this.#mixed.make();
    await this.#makeTopic("refused", REFUSED_CONFIGS);
    // So that there often is a whole transaction behind the one under way.
    await this.#writeFile({ "batch-size": 20 });
  }

  async #makeTopic(table: string, configs: KafkaSettings): Promise<void> {
    const admin = adminOf(this.#kafka.bootstrap);
    try {
      await createTopic(admin, `${this.#source.schema}.${table}`, PARTITIONS, configs);
    } finally {
      await admin.close();
    }
  }

  async #writeFile(sink: Section): Promise<void> {
    const { url, database, kind, schema } = this.#source;
    const own = kind === "postgres" ? { "slot.name": database, "publication.name": database } : {};
    await writePipelineFile({
      path: this.#file,
      name: this.#name,
      sourceUrl: url,
      tables: allOf(kind, schema),
      source: { ...own, "scan.incremental.snapshot.chunk.size": 100 },
      sink: {
        type: "kafka",
        "properties.bootstrap.servers": this.#brokers.bootstrap,
        "sink.delivery-guarantee": guaranteeOf(this.#options.seed),
        "topic.partitions": PARTITIONS,
        "dead-letters.max-share": "100%",
        "sink.delivery-timeout": "4s",
        "request-timeout": "3s",
        ...sink,
      },
    });
  }

  get #file(): string {
    return this.#folder.file("life.yaml");
  }

  get #name(): string {
    return `life-${this.#source.database}`;
  }

  #args(): string[] {
    return ["run", this.#file, "--json", "--listen", "off"];
  }
}
