/**
 * A database into Kafka, and its topics into DSQL, by two pipelines whose processes, brokers, connections and better selves come to grief
 * many times: in the end the tables are equal, and the topics have told every change as their guarantee says.
 */
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { transactionalId } from "../../packages/millrace/src/sinks/kafka/topic-names.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { adminOf, createTopic, type KafkaCluster } from "../support/kafka.ts";
import { BrokerTroubles, startLifeKafka } from "./broker-troubles.ts";
import { type ChainBlow, type Hop, hops, placesOf, wayTo } from "./chain-places.ts";
import { compareDatabases } from "./compare-databases.ts";
import { CountingWriter } from "./counting-writer.ts";
import { keptIfWrong, type LifeFolder } from "./life-folder.ts";
import { recordLog } from "./life-servers.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { MixedWriter } from "./mixed-writer.ts";
import { type Section, writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";
import { allOf, makeSource, type SourceKind, type TestSource } from "./sources.ts";
import { openSession, textRows } from "./sql-session.ts";
import { makeTarget, type Target } from "./targets.ts";
import { type Guarantee, wrongCounts } from "./topic-counts.ts";
import { wrongLedger } from "./topic-ledger.ts";

const COUNTED = "counted";
const ROWS = 60;
const LATER_ROWS = 250;
/** Between transactions: each change is told, read, applied and compared. */
const PAUSE_MS = 40;
/** Rows of tables that TRUNCATE empties have to be in one partition: others would bring older rows behind it. */
const OF_ONE_PARTITION = ["shaped", "keyless"];
const REACH_TIMEOUT_MS = 60_000;
/** A backlog of thousands of transactions has to pass on a machine that others fill, too. */
const CATCH_UP_TIMEOUT_MS = 900_000;
const LOOK_MS = 50;
/** A reader of topics runs before the partitions of who was killed are its own: it has them once it writes. */
const ARRIVED = "lane.after-commit";
/** Reached once in seconds, or where there is a backlog. */
const SLOW = /^(frontier|postgres-log|mysql-log)\.|^kafka\.ready$/;

/** What a life is told. */
export interface ChainLifeOptions {
  readonly from: SourceKind;
  readonly guarantee: Guarantee;
  readonly seed: number;
  /** What befalls it, in this order. */
  readonly blows: readonly ChainBlow[];
  /** Whether each process is killed in its first start before. */
  readonly isKilledAtBirth?: boolean;
  /** Called after each; a blow that did not happen is told as missed. */
  readonly onBlow?: (what: string, isMissed: boolean) => void;
}

/** Lives a life to its end; gives what is wrong with its topics and its tables. */
export async function liveChainLife(options: ChainLifeOptions): Promise<readonly string[]> {
  const proxy = await startFaultProxy({ host: "127.0.0.1", port: 1 });
  const [kafka, source, target] = await Promise.all([
    startLifeKafka(proxy, options.blows.includes("coordinator")),
    makeSource(options.from),
    makeTarget("dsql"),
  ]);
  const dice = new Dice(options.seed);
  const brokers = new BrokerTroubles(kafka, proxy, dice);
  try {
    const databases = { source: source.url, target: target.url };
    return await keptIfWrong({ brokers: kafka.brokers, databases }, (folder) =>
      new ChainLife(options, { kafka, brokers, source, target, folder, dice }).run(),
    );
  } finally {
    await proxy.close();
    await Promise.all([kafka.stop(), source.release(), target.release()]);
  }
}

interface Parts {
  readonly kafka: KafkaCluster;
  readonly brokers: BrokerTroubles;
  readonly source: TestSource;
  readonly target: Target;
  readonly folder: LifeFolder;
  readonly dice: Dice;
}

/** What a blow came to; `isMissed` where it did not happen. */
interface Struck {
  readonly what: string;
  readonly isMissed?: boolean;
}

class ChainLife {
  readonly #options: ChainLifeOptions;
  readonly #parts: Parts;
  readonly #dice: Dice;
  readonly #mixed: MixedWriter;
  readonly #reached: Readonly<Record<Hop, Set<string>>> = { into: new Set(), from: new Set() };
  #later = 0;

  constructor(options: ChainLifeOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.#dice = parts.dice;
    this.#mixed = new MixedWriter(parts.source.url, new Dice(options.seed + 2), {
      keepsColumns: true,
      pauseMs: PAUSE_MS,
      onWritten: (text) => parts.folder.noteIn("written.log", text),
    });
  }

  async run(): Promise<readonly string[]> {
    await this.#prepare();
    if (this.#options.isKilledAtBirth ?? true)
      for (const hop of hops) this.#tell(await this.#whileWriting(() => this.#birth(hop)));
    for (const blow of this.#options.blows)
      this.#tell(await this.#whileWriting((writer) => this.#befall(blow, writer)));
    // A backlog of many transactions would take all day in small ones where the machine is busy.
    await this.#writeInto({});
    await this.#mixed.last();
    for (const hop of hops) {
      const args = [...this.#args(hop), "--until-caught-up"];
      const log = this.#parts.folder.nextLog(hop);
      const run = await runToEnd(args, CATCH_UP_TIMEOUT_MS, "*=tell", log);
      this.#note(hop, run);
    }
    return [...(await this.#wrongTables()), ...(await this.#wrongTopics()), ...this.#undeclared()];
  }

  #tell({ what, isMissed = false }: Struck): void {
    this.#parts.folder.note(isMissed ? `missed: ${what}` : what);
    this.#options.onBlow?.(what, isMissed);
  }

  /** The rows that are counted, and all others. */
  async #whileWriting(work: (writer: CountingWriter) => Promise<Struck>): Promise<Struck> {
    const writer = new CountingWriter(this.#parts.source, COUNTED, ROWS, PAUSE_MS);
    const over = new AbortController();
    const mixed = this.#mixed.run(over.signal);
    try {
      return await work(writer);
    } finally {
      over.abort();
      await Promise.all([writer.stop(), mixed]);
    }
  }

  /** Killed where it begins. */
  #birth(hop: Hop): Promise<Struck> {
    const { from, guarantee } = this.#options;
    const ways = new Set(["birth", "start", "table"]);
    const places = placesOf(hop, from, guarantee).filter((place) => ways.has(wayTo(hop, place)));
    return this.#killAt(hop, this.#dice.pick(places));
  }

  #befall(blow: ChainBlow, writer: CountingWriter): Promise<Struck> {
    const { brokers } = this.#parts;
    switch (blow) {
      case "cut":
        return this.#whileRunning(() => brokers.cut(writer));
      case "broker":
        return this.#whileRunning(() => brokers.restart(writer));
      case "coordinator":
        return this.#whileRunning(() => brokers.moveCoordinator(this.#transactionalId, writer));
      case "anywhere":
        return this.#anywhere(hops);
      default:
        return this.#befallOne(blow, writer);
    }
  }

  #befallOne(blow: `${Hop}:${string}`, writer: CountingWriter): Promise<Struck> {
    const hop = blow.startsWith("into:") ? "into" : "from";
    const place = blow.slice(blow.indexOf(":") + 1);
    if (place === "anywhere") return this.#anywhere([hop]);
    if (place !== "zombie") return this.#killAt(hop, place);
    return hop === "into" ? this.#zombieInto(writer) : this.#zombieFrom(writer);
  }

  /** The other one runs beside it, and is killed with it or asked to stop. */
  async #killAt(hop: Hop, place: string): Promise<Struck> {
    const way = wayTo(hop, place);
    const most = way !== "stream" ? 1 : SLOW.test(place) ? 2 : 5;
    const armed = `${place}=kill@${this.#dice.between(1, most)}`;
    const isBoth = this.#dice.chance(0.5);
    if (way === "table") await this.#makeLater("keyed");
    if (way === "keyless") await this.#makeLater("keyless");
    const struck = this.#start(hop, armed);
    const other = this.#start(hop === "into" ? "from" : "into");
    try {
      if (way === "column" || way === "truncate") {
        await Promise.race([struck.running, sleep(REACH_TIMEOUT_MS)]);
        this.#mixed.reshapeNext(way);
      }
      await Promise.race([struck.ended, sleep(REACH_TIMEOUT_MS)]);
      if (!struck.isRunning && struck.killedAt === null) endedByItself(struck);
      if (!other.isRunning) endedByItself(other);
      if (!isBoth) await other.stop();
    } finally {
      await this.#end([struck, other], hop);
    }
    const what = `${hop}: ${armed}${isBoth ? ", and the other one with it" : ""}`;
    return { what, isMissed: struck.killedAt === null };
  }

  async #anywhere(which: readonly Hop[]): Promise<Struck> {
    const ms = this.#dice.between(0, 3000);
    const isArrived = this.#dice.chance(0.8);
    const runs = hops.map((hop) => this.#start(hop));
    try {
      await Promise.all(runs.map((run) => run.running));
      if (isArrived) await arrives(() => runs[1]?.reached ?? new Set(), ARRIVED);
      await sleep(ms);
      for (const run of runs) if (!run.isRunning) endedByItself(run);
      for (const [at, hop] of hops.entries()) if (which.includes(hop)) runs[at]?.kill();
      await sleep(this.#dice.between(0, 1000));
      for (const [at, hop] of hops.entries()) if (!which.includes(hop)) await runs[at]?.stop();
    } finally {
      await this.#end(runs, "into");
    }
    return { what: `${which.join(" and ")} killed after ${ms} ms` };
  }

  /** Frozen for so long that another one has taken over, and let go again: it writes nothing any more, and ends. */
  async #zombieInto(writer: CountingWriter): Promise<Struck> {
    const zombie = this.#start("into");
    try {
      await zombie.running;
      await writer.wrote(this.#dice.between(5, 60));
      process.kill(zombie.pid, "SIGSTOP");
      return await this.#whileRunning(async () => {
        await writer.wrote(30);
        process.kill(zombie.pid, "SIGCONT");
        await Promise.race([zombie.ended, sleep(REACH_TIMEOUT_MS)]);
        if (zombie.isRunning) throw new Error("a process that was taken over from runs on");
        await writer.wrote(20);
        return "a zombie into Kafka";
      });
    } finally {
      await this.#end([zombie], "into");
    }
  }

  /** Frozen until another one has its partitions: it wakes up in the middle of what it wrote, writes nothing of it, and joins again. */
  async #zombieFrom(writer: CountingWriter): Promise<Struck> {
    const zombie = this.#start("from");
    try {
      const was = this.#whileRunningBeside("into", async () => {
        await arrives(() => zombie.reached, ARRIVED);
        await writer.wrote(this.#dice.between(5, 60));
        process.kill(zombie.pid, "SIGSTOP");
        const heir = this.#start("from");
        try {
          await arrives(() => heir.reached, ARRIVED);
          await writer.wrote(this.#dice.between(5, 40));
          process.kill(zombie.pid, "SIGCONT");
          await writer.wrote(this.#dice.between(20, 100));
          for (const run of [heir, zombie]) if (!run.isRunning) endedByItself(run);
          await heir.stop();
          return "a zombie out of Kafka";
        } finally {
          await this.#end([heir], "from");
        }
      });
      return { what: await was };
    } finally {
      await this.#end([zombie], "from");
    }
  }

  /** Both run, and neither may end by itself. */
  async #whileRunning(work: () => Promise<string>): Promise<Struck> {
    const whileInto = (reader: MillraceProcess): Promise<string> =>
      this.#whileRunningBeside("into", async () => {
        await arrives(() => reader.reached, ARRIVED);
        return work();
      });
    return { what: await this.#whileRunningBeside("from", whileInto) };
  }

  async #whileRunningBeside(
    hop: Hop,
    work: (run: MillraceProcess) => Promise<string>,
  ): Promise<string> {
    const run = this.#start(hop);
    try {
      await run.running;
      const what = await work(run);
      if (!run.isRunning) endedByItself(run);
      if (hop === "into")
        await run.waitForSync(this.#mixed.tables.size + 1, 0).then(
          () => this.#mixed.loaded(),
          () => undefined,
        );
      await run.stop();
      return what;
    } finally {
      await this.#end([run], hop);
    }
  }

  #start(hop: Hop, armed?: string): MillraceProcess {
    return new MillraceProcess(
      this.#args(hop),
      [...(armed === undefined ? [] : [armed]), "*=tell"].join(";"),
      this.#parts.folder.nextLog(hop),
    );
  }

  /** Whoever still runs is killed. */
  async #end(runs: readonly MillraceProcess[], first: Hop): Promise<void> {
    for (const run of runs) run.kill();
    await Promise.all(runs.map((run) => run.ended));
    const second = first === "into" ? "from" : "into";
    for (const [at, run] of runs.entries()) this.#note(at === 0 ? first : second, run);
  }

  #note(hop: Hop, { reached }: MillraceProcess): void {
    for (const place of reached) this.#reached[hop].add(place.split(" ")[0] ?? place);
  }

  /** Places that no kill is drawn for. */
  #undeclared(): readonly string[] {
    const { from, guarantee } = this.#options;
    return hops.flatMap((hop) => {
      const declared = new Set(placesOf(hop, from, guarantee, "all"));
      return [...this.#reached[hop]]
        .filter((place) => !declared.has(place))
        .map((place) => `${hop}: reached where it should not be: ${place}`);
    });
  }

  async #wrongTables(): Promise<readonly string[]> {
    const { source, target } = this.#parts;
    const keyed = [...this.#mixed.tables].filter(
      ([, { compare }]) => compare !== "wrongKeyless" || this.#options.guarantee === "exactly-once",
    );
    const tables = [COUNTED, ...keyed.map(([name]) => name)].map((name) => ({
      source: { schema: source.schema, name },
      target: { schema: "public", name },
    }));
    const different = await compareDatabases(source.url, target.url, tables);
    const others = [...this.#mixed.tables.keys()].filter(
      (name) => !tables.some((table) => table.source.name === name),
    );
    const wrong = await Promise.all(others.map((name) => this.#wrongRows(name)));
    return [...different.map((table) => `not equal: ${JSON.stringify(table)}`), ...wrong.flat()];
  }

  /** Rows without a key that topics tell at least once: each is there, and nothing else. */
  async #wrongRows(name: string): Promise<readonly string[]> {
    const { source, target } = this.#parts;
    const sql = (table: string): string => `SELECT DISTINCT id, w FROM ${table} ORDER BY id, w`;
    const session = await openSession(target.url);
    try {
      const there = (await textRows(session, sql(`public.${name}`))).map(String);
      const here = (await source.query(sql(name))).map((row) => String(Object.values(row)));
      return JSON.stringify(there.toSorted()) === JSON.stringify(here.toSorted())
        ? []
        : [`${name} has ${here.length} rows, and ${there.length} at the target`];
    } finally {
      await session.end();
    }
  }

  async #wrongTopics(): Promise<readonly string[]> {
    const { guarantee } = this.#options;
    const { source, kafka } = this.#parts;
    const { schema } = source;
    const { bootstrap } = kafka;
    const found = [await wrongCounts(source, COUNTED, bootstrap, { guarantee, schema })];
    for (const [table, { ledger, compare }] of this.#mixed.tables)
      found.push(
        await wrongLedger(ledger, `${schema}.${table}`, { bootstrap, guarantee, compare }),
      );
    return found.flat();
  }

  async #makeLater(kind: "keyed" | "keyless"): Promise<void> {
    const name = `later_${++this.#later}`;
    if (kind === "keyless") await this.#makeTopic(name);
    await this.#mixed.makeLater(name, LATER_ROWS, kind);
  }

  async #makeTopic(table: string): Promise<void> {
    const admin = adminOf(this.#parts.kafka.bootstrap);
    try {
      await createTopic(admin, `${this.#parts.source.schema}.${table}`);
    } finally {
      await admin.close();
    }
  }

  async #prepare(): Promise<void> {
    const { source } = this.#parts;
    await recordLog(source.url);
    const all = Array.from({ length: ROWS }, (_, i) => `(${i + 1}, 0, '${"x".repeat(100)}')`);
    await source.query(`CREATE TABLE ${COUNTED} (id int PRIMARY KEY, n int NOT NULL, pad text)`);
    await source.query(`INSERT INTO ${COUNTED} VALUES ${all.join(", ")}`);
    await this.#mixed.make();
    for (const table of OF_ONE_PARTITION) await this.#makeTopic(table);
    // So that there often is a whole transaction behind the one under way.
    await this.#writeInto({ "batch-size": 20 });
    await this.#writeFrom();
  }

  async #writeInto(sink: Section): Promise<void> {
    const { url, database, kind, schema } = this.#parts.source;
    const own = kind === "postgres" ? { "slot.name": database, "publication.name": database } : {};
    await writePipelineFile({
      path: this.#file("into"),
      name: this.#name("into"),
      sourceUrl: url,
      tables: allOf(kind, schema),
      source: { ...own, "scan.incremental.snapshot.chunk.size": 100 },
      sink: {
        type: "kafka",
        "properties.bootstrap.servers": this.#parts.brokers.bootstrap,
        "sink.delivery-guarantee": this.#options.guarantee,
        "topic.partitions": 3,
        "sink.delivery-timeout": "4s",
        "request-timeout": "3s",
        ...sink,
      },
    });
  }

  async #writeFrom(): Promise<void> {
    const { source, target, brokers } = this.#parts;
    const pipeline = {
      source: {
        type: "kafka",
        "properties.bootstrap.servers": brokers.bootstrap,
        "topic-pattern": String.raw`${source.schema}\..*`,
        "scan.topic-partition-discovery.interval": "1s",
        "properties.session.timeout.ms": "6s",
        "properties.heartbeat.interval.ms": "300ms",
      },
      sink: target.sink,
      pipeline: { name: this.#name("from") },
    };
    await writeFile(this.#file("from"), JSON.stringify(pipeline)); // JSON is YAML
  }

  get #transactionalId(): string {
    return transactionalId(this.#name("into"), "0");
  }

  #name(hop: Hop): string {
    return `${this.#parts.source.database}-${hop}`;
  }

  #file(hop: Hop): string {
    return this.#parts.folder.file(`${hop}.yaml`);
  }

  #args(hop: Hop): string[] {
    return ["run", this.#file(hop), "--json", "--listen", "off"];
  }
}

function endedByItself(run: MillraceProcess): never {
  throw new Error(`it ended by itself: ${run.tail()}`);
}

/** Waits until a process has come by a place. */
async function arrives(reached: () => ReadonlySet<string>, place: string): Promise<void> {
  const deadline = Date.now() + REACH_TIMEOUT_MS;
  while (![...reached()].some((told) => told.startsWith(`${place} `))) {
    if (Date.now() > deadline) throw new Error(`nobody came by ${place}`);
    await sleep(LOOK_MS);
  }
}
