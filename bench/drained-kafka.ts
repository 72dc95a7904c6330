// A backlog that stands in the source's log, drained into a broker, beside the best raw reader of the same stretch of that
// log; and the full load. Exactly once, and at least once; beside what Debezium does on the same machine, and what both servers
// give with nobody between them.
import { catchUp, type CaughtUp } from "./caught-up.ts";
import { type BenchBroker, startBenchBroker } from "./kafka/bench-broker.ts";
import { type BothServers, bothServers } from "./kafka/both-servers.ts";
import { insertedItems } from "./kafka/item-changes.ts";
import { produceRows } from "./kafka/produced-rows.ts";
import { cpuSecondsOf } from "./process-cpu.ts";
import { absolute, against, median, type Figure } from "./report.ts";
import type { BenchSource, StartSource } from "./sources/source.ts";

const ROWS = Number(process.env["BENCH_ROWS"] ?? 1_000_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const PARTITIONS = 4;
/** Messages that a broker has seen before anything counts, in rows of a backlog: its compiler is done with it some five million in. */
const WARMING_ROUNDS = 5;
const BATCH_BYTES = 1_000_000;
/** Of the raw reader: a slot is decoded by its server as it is read; a binlog is a file that the server sends. */
const GOALS = { postgres: 0.5, mysql: null } as const;
const KINDS = ["inserts", "updates", "load"] as const;
const GUARANTEES = (["exactly-once", "at-least-once"] as const).filter((guarantee) =>
  (process.env["BENCH_GUARANTEES"] ?? guarantee).includes(guarantee),
);
/** Three times what Debezium 3.6, tuned and warm, at least once, does on the machine of docs/benchmarks.md, rows/s. */
const THRICE_DEBEZIUM = {
  postgres: { inserts: 150_000, updates: 150_000, load: 240_000 },
  mysql: { inserts: 216_000, updates: 141_000, load: 240_000 },
} as const;
const TITLES = { inserts: "backlog of inserts", updates: "backlog of updates", load: "full load" };

type Kind = (typeof KINDS)[number];
type Guarantee = (typeof GUARANTEES)[number];

interface Drained extends CaughtUp {
  readonly brokerCpuSeconds: number;
  readonly sourceCpuSeconds: number;
}

/** Round by round; seconds of the raw reader. */
interface Measured {
  readonly drained: Record<Kind, Drained[]>;
  readonly raw: Record<"inserts" | "updates", number[]>;
  readonly both: Record<Kind, BothServers[]>;
}

/** The figures of `…-kafka`, from a source of either kind. */
export async function drainIntoKafka(
  startSource: StartSource,
  debezium: keyof typeof THRICE_DEBEZIUM,
): Promise<Figure[]> {
  const source = await startSource();
  const broker = await startBenchBroker();
  try {
    const measured = GUARANTEES.map(emptyMeasured);
    // A young broker compiles itself: its first million messages take four times the CPU of later ones.
    await warm(broker);
    for (const guarantee of GUARANTEES.slice(0, 1))
      await new Round(source, broker, guarantee, "warm").measure(emptyMeasured());
    for (let round = 0; round < ROUNDS; round++)
      for (const [i, guarantee] of GUARANTEES.entries()) {
        const bench = new Round(source, broker, guarantee, `${guarantee.slice(0, 2)}_${round}`);
        await bench.measure(measured[i] ?? emptyMeasured());
      }
    return GUARANTEES.flatMap((guarantee, i) =>
      figuresOf(guarantee, measured[i] ?? emptyMeasured(), debezium),
    );
  } finally {
    await broker.stop();
    await source.stop();
  }
}

function emptyMeasured(): Measured {
  return {
    drained: { inserts: [], updates: [], load: [] },
    raw: { inserts: [], updates: [] },
    both: { inserts: [], updates: [], load: [] },
  };
}

function warm(broker: BenchBroker): Promise<unknown> {
  return broker.withTopic(PARTITIONS, (topic) =>
    produceRows({
      topic,
      bootstrap: broker.bootstrap,
      partitions: PARTITIONS,
      batchBytes: BATCH_BYTES,
      format: "debezium-json",
      exactlyOnce: true,
      changes: insertedItems(Math.min(ROWS, 20_000)),
      rows: WARMING_ROUNDS * ROWS,
    }),
  );
}

/** Raw reader and pipeline, in turn; each pipeline has a topic of its own. */
class Round {
  readonly #source: BenchSource;
  readonly #broker: BenchBroker;
  readonly #guarantee: Guarantee;
  readonly #drained: string;
  readonly #loaded: string;

  constructor(source: BenchSource, broker: BenchBroker, guarantee: Guarantee, name: string) {
    this.#source = source;
    this.#broker = broker;
    this.#guarantee = guarantee;
    this.#drained = `drained_${name}`;
    this.#loaded = `loaded_${name}`;
  }

  async measure({ drained, raw, both }: Measured): Promise<void> {
    const source = this.#source;
    await source.empty();
    await catchUp(this.#pipeline(this.#drained));
    for (const [i, kind] of (["inserts", "updates"] as const).entries()) {
      const log = await source.record(2);
      await (kind === "inserts" ? source.insert(ROWS) : source.update(ROWS));
      raw[kind].push(await log.read(ROWS));
      drained[kind].push(await this.#watched(this.#drained));
      const bytes = await this.#messageBytes(this.#drained, (i + 1) * ROWS);
      both[kind].push(await this.#both(bytes, () => log.read(ROWS)));
    }
    await this.#forget(this.#drained, 2 * ROWS);
    await source.analyze();
    drained.load.push(await this.#watched(this.#loaded));
    const table = await source.rawTable(ROWS);
    const bytes = await this.#messageBytes(this.#loaded, ROWS);
    both.load.push(await this.#both(bytes, () => table.run()));
    await this.#forget(this.#loaded, ROWS);
  }

  async #messageBytes(topic: string, messages: number): Promise<number> {
    return Math.round((await this.#broker.bytes(topic, PARTITIONS)) / messages);
  }

  #both(bytes: number, read: () => Promise<number>): Promise<BothServers> {
    const { bootstrap, pid } = this.#broker;
    const [host = "", port = ""] = bootstrap.split(":");
    const to = { host, port: Number(port), partitions: PARTITIONS, batchBytes: BATCH_BYTES };
    return this.#broker.withTopic(PARTITIONS, (topic) =>
      bothServers(read, { ...to, topic, rows: ROWS, bytes }, [this.#source.pid, pid]),
    );
  }

  async #watched(pipeline: string): Promise<Drained> {
    const pids = [this.#broker.pid, this.#source.pid];
    const before = pids.map(cpuSecondsOf);
    const made = await catchUp(this.#pipeline(pipeline));
    const [brokerCpuSeconds = 0, sourceCpuSeconds = 0] = pids.map(
      (pid, i) => cpuSecondsOf(pid) - (before[i] ?? 0),
    );
    return { ...made, brokerCpuSeconds, sourceCpuSeconds };
  }

  async #forget(pipeline: string, rows: number): Promise<void> {
    const told = await this.#broker.records(pipeline);
    if (told < rows) throw new Error(`the topic has ${told} messages of ${rows}`);
    await this.#source.forget(pipeline);
    await this.#broker.remove(pipeline);
  }

  #pipeline(name: string): object {
    return {
      source: this.#source.section(name),
      sink: {
        type: "kafka",
        "properties.bootstrap.servers": this.#broker.bootstrap,
        "sink.delivery-guarantee": this.#guarantee,
        topic: name,
        "topic.partitions": PARTITIONS,
      },
      pipeline: { name },
    };
  }
}

function figuresOf(
  guarantee: Guarantee,
  { drained, raw, both }: Measured,
  debezium: keyof typeof THRICE_DEBEZIUM,
): Figure[] {
  const goals = THRICE_DEBEZIUM[debezium];
  return KINDS.flatMap((kind) => {
    const of = (pick: (one: Drained) => number): number => median(drained[kind].map(pick));
    const per100k = (pick: (one: Drained) => number): number => (of(pick) / ROWS) * 100_000;
    const title = `${TITLES[kind]}, ${guarantee}`;
    const steady = of(({ steadySeconds, steadyRows }) => steadyRows / steadySeconds);
    const wanted = guarantee === "exactly-once" ? goals[kind] : null;
    const limited =
      kind === "load"
        ? []
        : [ofRaw(`${title}, of the raw reader`, steady, median(raw[kind]), GOALS[debezium])];
    const bare = median(both[kind].map(({ seconds }) => seconds));
    const bareCpu = median(both[kind].map(({ cpuSeconds }) => cpuSeconds));
    return [
      absolute(title, steady, "rows/s", wanted),
      ...limited,
      ofRaw(`${title}, of both servers without Millrace`, steady, bare, null),
      absolute(
        `${title}, CPU of both servers without Millrace`,
        (bareCpu / ROWS) * 100_000,
        "s/100k rows",
      ),
      absolute(
        `${title}, with its start`,
        of(({ seconds }) => ROWS / seconds),
        "rows/s",
      ),
      absolute(
        `${title}, CPU of Millrace`,
        per100k((d) => d.cpuSeconds),
        "s/100k rows",
      ),
      absolute(
        `${title}, CPU of the broker`,
        per100k((d) => d.brokerCpuSeconds),
        "s/100k rows",
      ),
      absolute(
        `${title}, CPU of the source`,
        per100k((d) => d.sourceCpuSeconds),
        "s/100k rows",
      ),
    ];
  });
}

function ofRaw(name: string, rate: number, seconds: number, goal: number | null): Figure {
  return { ...against(name, rate, "rows/s", ROWS / seconds, goal ?? 0), goal };
}
