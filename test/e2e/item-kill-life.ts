/**
 * One pipeline from DynamoDB whose process dies many times while its tables are written and their shards split: at the end every item
 * is at the sink as it is at the source. A topic has told each change exactly once besides, in the order of its key.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startAsItIs, type Started } from "../../packages/dynamodb-local/src/testing/clients.ts";
import { differentItems } from "./item-comparison.ts";
import { type ItemTable, itemTables, ItemWriter, makeItemTable } from "./item-tables.ts";
import { wrongTopic } from "./item-topics.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { type Section, writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";

/** Where a pipeline from DynamoDB comes by again and again, and where it does so while it loads or starts. */
export const itemFailpoints = [
  "dynamodb-source.prepared",
  "dynamodb-snapshot.page",
  "chunk.window-open",
  "chunk.batch-sent",
  "chunk.rows-durable",
  "chunk.finished",
  "dynamodb-log.batch",
  "lane.before-commit",
  "lane.after-commit",
  "frontier.written",
] as const;

/** Those that are reached once a run is in SYNC. */
const ofTheStream: ReadonlySet<string> = new Set([
  "dynamodb-log.batch",
  "lane.before-commit",
  "lane.after-commit",
  "frontier.written",
]);

/** Whether it takes a table that is not loaded yet to come by there. */
const isOfALoad = (place: string): boolean => !ofTheStream.has(place) && place !== "anywhere";

/** Where a life writes to. */
export interface ItemTarget {
  readonly kind: "dsql" | "postgres" | "kafka";
  readonly sink: Section;
  /** The database's URL, or the brokers. */
  readonly url: string;
  /** Topics and state of this life begin with it. */
  readonly name: string;
}

/** What a life is told. */
export interface ItemLifeOptions {
  readonly target: ItemTarget;
  readonly seed: number;
  /** Where it is killed, in this order; `anywhere` is a SIGKILL without a place. */
  readonly kills: readonly string[];
  /** Called after each; a place that was not reached in time has killed nobody. */
  readonly onKill?: (where: string, isReached: boolean) => void;
}

const reachTimeoutMs = 150_000;
const catchUpTimeoutMs = 1_800_000;
/** Between two splits or rotations of a table's shards while a process lives. */
const shardLifeMs = 700;

/** Lives a life to its end; gives what is wrong at the sink. */
export async function liveItemLife(options: ItemLifeOptions): Promise<readonly string[]> {
  await using source = await startAsItIs({ shards: 2 });
  const folder = await mkdtemp(join(tmpdir(), "millrace-items-"));
  try {
    return await new ItemLife(options, source, join(folder, "items.yaml")).run();
  } finally {
    await rm(folder, { recursive: true });
  }
}

class ItemLife {
  readonly #options: ItemLifeOptions;
  readonly #source: Started;
  readonly #file: string;
  readonly #dice: Dice;
  readonly #tables: ItemTable[];
  readonly #writer: ItemWriter;

  constructor(options: ItemLifeOptions, source: Started, file: string) {
    this.#options = options;
    this.#source = source;
    this.#file = file;
    this.#dice = new Dice(options.seed);
    // DSQL has no keys of bytea.
    this.#tables = itemTables.filter(
      ({ hash }) => hash !== "B" || options.target.kind === "postgres",
    );
    this.#writer = new ItemWriter(source.dynamodb, this.#dice);
  }

  async run(): Promise<readonly string[]> {
    for (const table of this.#tables) await this.#make(table);
    await this.#writeFile();
    for (const [nth, place] of this.#options.kills.entries()) {
      if (nth > 0 && isOfALoad(place)) await this.#makeLater();
      this.#options.onKill?.(place, await this.#live(place));
    }
    await runToEnd(this.#args("--until-caught-up"), catchUpTimeoutMs);
    return this.#wrong();
  }

  async #make(table: ItemTable): Promise<void> {
    await makeItemTable(this.#source.dynamodb, table);
    await this.#writer.fill(table);
  }

  /** One that the file names from the next run on, which has it to load. */
  async #makeLater(): Promise<void> {
    const table: ItemTable = {
      name: `later_${this.#tables.length}`,
      hash: "S",
      hasRange: false,
    };
    await this.#make(table);
    this.#tables.push(table);
    await this.#writeFile();
  }

  /** True where it died at that place. */
  async #live(place: string): Promise<boolean> {
    const isRare = place === "frontier.written"; // every 15 s for each table
    const isOnce = place === "dynamodb-source.prepared"; // for each table that has not begun
    const most = isOnce ? 1 : ofTheStream.has(place) && !isRare ? 6 : 2;
    const nth = this.#dice.between(1, most);
    const run = new MillraceProcess(
      this.#args(),
      place === "anywhere" ? undefined : `${place}=kill@${nth}`,
    );
    const over = new AbortController();
    const work = Promise.all([this.#writer.run(over.signal), this.#moveShards(over.signal)]);
    try {
      const patienceMs = place === "anywhere" ? this.#dice.between(1_500, 5_000) : reachTimeoutMs;
      await Promise.race([run.ended, sleep(patienceMs, undefined, { ref: false })]);
    } finally {
      over.abort();
      await work;
    }
    const died = run.killedAt !== null;
    if (!run.isRunning && !died) throw new Error(`millrace ended by itself:\n${run.tail()}`);
    run.kill();
    await run.ended;
    return died || place === "anywhere";
  }

  /** Shards end and beget others: two each, or one. */
  async #moveShards(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { name: table } = this.#dice.pick(this.#tables);
      const { control } = this.#source.local;
      const open = control
        .shards({ table })
        .filter(({ endingSequenceNumber: end }) => end === null);
      if (open.length < 8 && this.#dice.chance(0.4)) control.split({ table });
      else control.rotate({ table });
      await sleep(shardLifeMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #writeFile(): Promise<void> {
    const { target } = this.#options;
    await writePipelineFile({
      path: this.#file,
      name: target.name,
      source: {
        type: "dynamodb",
        endpoint: this.#source.local.url,
        "aws.access.key.id": "test",
        "aws.secret.key": "test",
        "dynamodb.table.whitelist": this.#tables.map(({ name }) => name).join(","),
        "init.sync.delay.period": 0,
        "init.sync.segments": 3,
        "stream.idle.poll.interval": "200ms",
        ...(target.kind === "kafka"
          ? {}
          : {
              "document.format": "dynamodb",
              "document.content": "whole",
              "columns.sample.items": 0,
            }),
      },
      sink: target.sink,
      pipeline: { parallelism: target.kind === "kafka" ? 1 : 2 },
    });
  }

  #args(...more: readonly string[]): string[] {
    return ["run", this.#file, "--json", "--listen", "off", ...more];
  }

  async #wrong(): Promise<readonly string[]> {
    const { target } = this.#options;
    const { dynamodb } = this.#source;
    const found = this.#tables.map(({ name: table }) =>
      target.kind === "kafka"
        ? wrongTopic(dynamodb, this.#writer, {
            table,
            bootstrap: target.url,
            topic: `${target.name}-${table}`,
          })
        : differentItems(dynamodb, { table, url: target.url }),
    );
    return (await Promise.all(found)).flat();
  }
}
