/**
 * One pipeline from DynamoDB whose process dies many times while its tables are written and their shards split: at the end every item
 * is at the sink as it is at the source. A topic has told each change exactly once besides, in the order of its key; at least once
 * where that is all that is promised, and then in that order from wherever a key was begun anew.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startAsItIs, type Started } from "../../packages/dynamodb-local/src/testing/clients.ts";
import { differentItems } from "./item-comparison.ts";
import { type ItemLossKind, loseChanges } from "./item-losses.ts";
import {
  isTopics,
  itemFailpoints,
  type ItemTargetKind,
  type ItemWay,
  wayTo,
} from "./item-places.ts";
import { ITEM_TAG, type ItemTable, itemTables, ItemWriter, makeItemTable } from "./item-tables.ts";
import { wrongTopic } from "./item-topics.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { type Section, writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";

/** Where a life writes to. */
export interface ItemTarget {
  readonly kind: ItemTargetKind;
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
  /** Where it is killed, in this order; `anywhere` is a SIGKILL without a place, `loss` one behind a loss. */
  readonly kills: readonly string[];
  /** Called after each, with the loss that it was behind, or ""; a place that was not reached in time has killed nobody. */
  readonly onKill?: (where: string, isReached: boolean, behind: string) => void;
}

const reachTimeoutMs = 150_000;
const catchUpTimeoutMs = 1_800_000;
/** Between two splits or rotations of a table's shards while a process lives. */
const shardLifeMs = 700;
/** Writes, ten times what a transaction takes of them. */
const BACKLOG = 200;
const lanes = [2, 3];
/** Behind which of these something is swept. */
const leavesRows: readonly ItemLossKind[] = ["down", "other-stream"];
const anyLoss: readonly ItemLossKind[] = [...leavesRows, "down", "remade"];
/** What is reached within seconds, or not at all in this process. */
const soon: ReadonlySet<ItemWay> = new Set(["anywhere", "loss"]);
/** What a table leads to that comes while a process runs. */
const comesToATable: ReadonlySet<ItemWay> = new Set(["load", "birth", "discovery"]);

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

/** Null where nothing is lost. */
function lossesFor(way: ItemWay): readonly ItemLossKind[] | null {
  switch (way) {
    case "sweep":
      return leavesRows;
    case "remake":
      return ["remade"];
    case "loss":
      return anyLoss;
    default:
      return null;
  }
}

class ItemLife {
  readonly #options: ItemLifeOptions;
  readonly #source: Started;
  readonly #file: string;
  readonly #dice: Dice;
  readonly #tables: ItemTable[];
  readonly #writer: ItemWriter;
  /** Whether tables are found by their tags, also while a process runs, or are named in the file. */
  readonly #isByTags: boolean;
  readonly #reached = new Set<string>();
  #lanes = 0;

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
    this.#isByTags = this.#dice.chance(0.5);
  }

  async run(): Promise<readonly string[]> {
    for (const table of this.#tables) await this.#make(table);
    await this.#writeFile();
    for (const [nth, place] of this.#options.kills.entries()) {
      const way = wayTo(place);
      const isLate = nth > 0 && this.#isByTags && comesToATable.has(way) && this.#dice.chance(0.5);
      const lost = await this.#lead(way, { isFirst: nth === 0, isLate });
      this.#options.onKill?.(place, await this.#live(place, way, isLate), lost);
    }
    await this.#catchUp();
    return [...(await this.#wrong()), ...this.#undeclared()];
  }

  async #make(table: ItemTable): Promise<void> {
    await makeItemTable(this.#source.dynamodb, table);
    await this.#writer.fill(table);
  }

  /** Brings what the next process needs to come by a place; gives the loss that is behind it. */
  async #lead(
    way: ItemWay,
    { isFirst, isLate }: { readonly isFirst: boolean; readonly isLate: boolean },
  ): Promise<string> {
    if ((way === "load" || way === "birth") && !isFirst && !isLate) await this.#makeLater();
    if (way === "lanes") await this.#changeLanes(isFirst);
    if (way === "backlog") for (let n = 0; n < BACKLOG; n++) await this.#writer.step();
    const kinds = lossesFor(way);
    if (kinds === null) return "";
    // Which tables were begun where a process was killed nobody knows: what has not begun loses nothing.
    if (isFirst || way !== "loss") await this.#catchUp();
    return await loseChanges({
      kinds,
      source: this.#source,
      writer: this.#writer,
      tables: this.#tables,
      dice: this.#dice,
    });
  }

  async #catchUp(): Promise<void> {
    this.#note(await runToEnd(this.#args("--until-caught-up"), catchUpTimeoutMs, "*=tell"));
  }

  async #changeLanes(isFirst: boolean): Promise<void> {
    if (isFirst) await this.#catchUp();
    this.#lanes = (this.#lanes + 1) % lanes.length;
    await this.#writeFile();
  }

  /** One that the file names from the next run on, or whose tags it finds, which has it to load. */
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

  /** True where it died at that place; `isLate`: while it runs, a table comes that its tags tell of. */
  async #live(place: string, way: ItemWay, isLate: boolean): Promise<boolean> {
    const isAnywhere = soon.has(way);
    const isOfTheLate = isLate && way === "discovery";
    const nth = isOfTheLate ? 2 : this.#dice.between(1, this.#most(place, way));
    const run = new MillraceProcess(
      this.#args(),
      isAnywhere ? "*=tell" : `${place}=kill@${nth};*=tell`,
    );
    const over = new AbortController();
    const work = Promise.all([
      this.#writer.run(over.signal),
      this.#moveShards(over.signal),
      isLate ? run.running.then(() => this.#makeLater()) : null,
    ]);
    try {
      const patienceMs = isAnywhere ? this.#dice.between(1_500, 5_000) : reachTimeoutMs;
      // The work ends only behind this, or fails, and is heard of at once.
      await Promise.race([run.ended, work, sleep(patienceMs, undefined, { ref: false })]);
    } finally {
      over.abort();
      await work;
    }
    const died = run.killedAt !== null;
    if (!run.isRunning && !died) throw new Error(`millrace ended by itself:\n${run.tail()}`);
    run.kill();
    await run.ended;
    this.#note(run);
    return died || isAnywhere;
  }

  /** How often a process surely comes by. */
  #most(place: string, way: ItemWay): number {
    switch (way) {
      case "stream":
        return place.startsWith("frontier.") ? 2 : 6; // every 15 s for each table
      case "load":
      case "backlog":
        return 2;
      case "start":
        return this.#tables.length;
      case "birth":
      case "sweep":
      case "remake":
      case "lanes":
      case "discovery":
      case "anywhere":
      case "loss":
        return 1;
    }
  }

  #note({ reached }: MillraceProcess): void {
    for (const place of reached) this.#reached.add(place.split(" ")[0] ?? place);
  }

  /** Places that no kill is drawn for. */
  #undeclared(): string[] {
    const declared = new Set(itemFailpoints(this.#options.target.kind));
    return [...this.#reached]
      .filter((place) => !declared.has(place))
      .map((place) => `reached where it should not be: ${place}`);
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
        ...this.#choice,
        "init.sync.delay.period": 0,
        "init.sync.segments": 3,
        "stream.idle.poll.interval": "200ms",
        ...(isTopics(target.kind)
          ? {}
          : {
              "document.format": "dynamodb",
              "document.content": "whole",
              "columns.sample.items": 0,
            }),
      },
      sink: target.sink,
      pipeline: { parallelism: isTopics(target.kind) ? 1 : (lanes[this.#lanes] ?? 2) },
    });
  }

  get #choice(): Section {
    if (!this.#isByTags)
      return { "dynamodb.table.whitelist": this.#tables.map(({ name }) => name).join(",") };
    return {
      "dynamodb.table.env.tag.value": ITEM_TAG,
      "connect.dynamodb.rediscovery.period": 1_000,
    };
  }

  #args(...more: readonly string[]): string[] {
    return ["run", this.#file, "--json", "--listen", "off", ...more];
  }

  async #wrong(): Promise<readonly string[]> {
    const { target } = this.#options;
    const { dynamodb } = this.#source;
    const found = this.#tables.map(({ name: table }) =>
      isTopics(target.kind)
        ? wrongTopic(dynamodb, this.#writer, {
            table,
            bootstrap: target.url,
            topic: `${target.name}-${table}`,
            guarantee: target.kind === "kafka" ? "exactly-once" : "at-least-once",
          })
        : differentItems(dynamodb, { table, url: target.url }),
    );
    return (await Promise.all(found)).flat();
  }
}
