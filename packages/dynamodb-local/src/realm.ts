/** One account in one region: tables, streams, items. Nothing of it is seen from another one. */
import { Engine } from "./items/engine.ts";
import { Locks } from "./items/locks.ts";
import type { Clock } from "./clock.ts";
import type { Settings } from "./options.ts";
import type { Stream } from "./streams/stream.ts";
import type { Table } from "./tables/table.ts";
import { PastTransactions } from "./items/idempotency.ts";
import { TagHistory } from "./tagging/history.ts";

/** Where a realm is, and what it goes by. */
export interface RealmOptions {
  readonly account: string;
  readonly region: string;
  readonly clock: Clock;
  readonly settings: Settings;
}

/** The state of one realm. */
export class Realm {
  readonly account: string;
  readonly region: string;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly engine: Engine;
  /** Where the writes of a transaction are tried before any of them is done. */
  readonly rehearsal: Engine;
  readonly locks = new Locks();
  readonly tables = new Map<string, Table>();
  readonly tags: TagHistory;
  readonly transactions: PastTransactions;
  readonly #streams = new Map<string, Stream>();

  constructor({ account, region, clock, settings }: RealmOptions) {
    this.account = account;
    this.region = region;
    this.clock = clock;
    this.settings = settings;
    this.engine = new Engine({ account, region, stateMs: settings.stateMs });
    this.rehearsal = new Engine({ account, region, stateMs: 0 });
    this.tags = new TagHistory(clock);
    this.transactions = new PastTransactions(clock);
  }

  /** The table of a name; also by its ARN, as clients may say it. */
  table(name: unknown): Table | undefined {
    return typeof name === "string" ? this.tables.get(nameOf(name)) : undefined;
  }

  addStream(stream: Stream): void {
    this.#streams.set(stream.arn, stream);
  }

  /** Streams that are there by now, at the state that they have by now; by ARN. */
  streams(): readonly Stream[] {
    const nowMs = this.clock.nowMs();
    for (const stream of this.#streams.values()) {
      stream.advance(nowMs);
      if (stream.isForgotten(nowMs)) this.#streams.delete(stream.arn);
    }
    return [...this.#streams.values()].toSorted((a, b) => (a.arn < b.arn ? -1 : 1));
  }

  stream(arn: string): Stream | undefined {
    const stream = this.#streams.get(arn);
    const nowMs = this.clock.nowMs();
    stream?.advance(nowMs);
    return stream?.isForgotten(nowMs) === true ? undefined : stream;
  }
}

/** The name in `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME`, or the name itself. */
export function nameOf(nameOrArn: string): string {
  return /^arn:[^:]+:dynamodb:[^:]*:\d*:table\/([^/]+)$/.exec(nameOrArn)?.[1] ?? nameOrArn;
}
