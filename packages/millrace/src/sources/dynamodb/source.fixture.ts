import type { LogBatch } from "../../model/change.ts";
import type { InitSync } from "../../model/init-sync.ts";
import { type Clock, silentLogger, systemClock } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import type { LogStart, SourceLog } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import type { CreateTableCommandInput } from "@aws-sdk/client-dynamodb";
import { makeTable } from "../../../../dynamodb-local/src/testing/clients.ts";
import type { DynamodbLocalOptions } from "../../../../dynamodb-local/src/options.ts";
import type { DynamoApi } from "./api.ts";
import { SharedRoom } from "./byte-room.ts";
import { MESSAGE_COLUMNS } from "./columns-options.ts";
import { type LocalApi, startLocalApi } from "./local-api.fixture.ts";
import { deafDynamoObserver, type DynamoObserver } from "./observer.ts";
import { comparePositions } from "./position.ts";
import { DynamoSource, type TableParts } from "./source.ts";

/** Hours in milliseconds. */
export const HOUR_MS = 3_600_000;
export const TABLE = "orders";

/** Options as a file without any gives them, but quicker. */
export const OPTIONS: TableParts["options"] = {
  scan: {
    delayMs: 0,
    segments: null,
    consistent: true,
    capacityShare: 0.5,
    maxUnits: null,
    restartAfterMs: 19 * HOUR_MS,
  },
  stream: {
    readEveryMs: 200,
    idlePollMs: 200,
    shardDiscoveryMs: 1_000,
    safeZoneMs: 20 * HOUR_MS,
    overlapMs: HOUR_MS,
  },
  startup: { mode: "initial" },
  onLoss: "resync",
};

const SPEED = 10;

/** Pauses take a tenth of their time; the stand-in's own clock is shifted where more has to pass. */
const quickClock: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * SPEED,
  sleep: (ms, signal) => systemClock.sleep(ms / SPEED, signal),
};

/** How a source of a test is made. */
export interface TestSource {
  readonly options?: Partial<TableParts["options"]>;
  readonly clock?: Clock;
  readonly api?: DynamoApi;
  readonly observer?: DynamoObserver;
  readonly room?: SharedRoom;
}

/** A stand-in with a table of one shard, and sources of ours that read it. */
export class TestTable implements AsyncDisposable {
  readonly local: LocalApi;
  readonly #sources: DynamoSource[] = [];

  private constructor(local: LocalApi) {
    this.local = local;
  }

  static async start(
    options: DynamodbLocalOptions = {},
    table: Partial<CreateTableCommandInput> = {},
  ): Promise<TestTable> {
    const local = await startLocalApi(options);
    await makeTable(local.dynamodb, TABLE, table);
    return new TestTable(local);
  }

  get control() {
    return this.local.local.control;
  }

  source({
    options = {},
    clock = quickClock,
    api = this.local.api,
    observer = deafDynamoObserver,
    room = new SharedRoom(32 * 1_048_576),
  }: TestSource = {}): DynamoSource {
    const parts = {
      table: TABLE,
      region: "eu-west-1",
      api,
      room,
      options: { ...OPTIONS, ...options },
      columns: MESSAGE_COLUMNS,
      observer,
    };
    const context = { pipeline: "test", clock, random: Math.random, log: silentLogger };
    const source = new DynamoSource(parts, context);
    this.#sources.push(source);
    return source;
  }

  /** Reads a stream to the end that it has now. */
  async settle(source: DynamoSource, reading: Reading): Promise<Position> {
    const end = await source.logEnd();
    await source.nudge();
    // Its answers tell whole seconds, and those have to be later ones.
    this.control.shiftClock(3_000);
    for (;;) {
      const { position } = await reading.next();
      if (comparePositions(position, end) >= 0) return position;
    }
  }

  async put(id: string, value = id): Promise<void> {
    await this.local.dynamodb.putItem({
      TableName: TABLE,
      Item: { id: { S: id }, value: { S: value } },
    });
  }

  async remove(id: string): Promise<void> {
    await this.local.dynamodb.deleteItem({ TableName: TABLE, Key: { id: { S: id } } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const source of this.#sources) await source.close();
    await this.local[Symbol.asyncDispose]();
  }
}

/** A log that is being read, and what came of it. */
export class Reading {
  readonly log: SourceLog;
  readonly shape: TableShape;
  readonly batches: LogBatch[] = [];
  /** `op key` of each change, in order. */
  readonly seen: string[] = [];

  constructor(log: SourceLog, shape: TableShape) {
    this.log = log;
    this.shape = shape;
  }

  /** The standing behind what came last. */
  get position(): Position {
    const last = this.batches.at(-1);
    if (last === undefined) throw new Error("nothing has come yet");
    return last.position;
  }

  async next(): Promise<LogBatch> {
    const batch = await this.log.next();
    this.batches.push(batch);
    for (const item of batch.items) {
      if (item.kind !== "change") throw new Error("a stream has changes alone");
      const [key] = (item.op === "d" ? item.before : item.after) ?? [];
      this.seen.push(`${item.op} ${String(key)}`);
    }
    return batch;
  }

  /** Reads until something is so. */
  async until(isSo: (reading: Reading) => boolean): Promise<this> {
    while (!isSo(this)) await this.next();
    return this;
  }

  /** Reads until so many changes came. */
  async count(changes: number): Promise<readonly string[]> {
    await this.until(({ seen }) => seen.length >= changes);
    return this.seen;
  }
}

/** A table's INIT_SYNC that begins now and loads nothing older. */
export function initSync(startMs: number, more: Partial<InitSync> = {}): InitSync {
  return { startMs, endMs: null, rows: 0, isRepeated: false, ...more };
}

/** Prepares a source's log and opens it; with a position it goes on there. */
export async function openReading(
  source: DynamoSource,
  from: Position | null = null,
  more: { readonly initSync?: InitSync } = {},
): Promise<Reading> {
  const [table] = await source.discover();
  if (table === undefined) throw new Error("the table was not discovered");
  const { shape } = table;
  const prepared = await source.prepare([shape], from);
  const start: LogStart = {
    from: prepared.start,
    tables: new Map([[shape.id, shape]]),
    initSyncs: new Map(more.initSync === undefined ? [] : [[shape.id, more.initSync]]),
    maxValueBytes: 1_000_000,
  };
  return new Reading(await source.openLog(start), shape);
}
