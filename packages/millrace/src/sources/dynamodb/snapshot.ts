import { failpoint } from "../../model/failpoint.ts";
import type { Change } from "../../model/change.ts";
import type { ChunkKey, Json, Position } from "../../model/position.ts";
import type { ChunkBatch, ChunkOptions, ChunkRange, SourceSnapshot } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { tableChanged } from "../../tables/changed-table.ts";
import type {
  AttributeValue,
  DynamoApi,
  Item,
  ScanPage,
  ScanRequest,
  TableDescription,
} from "./api.ts";
import { chunkKey, parseChunkKey } from "./chunks.ts";
import type { ItemRows } from "./item-rows.ts";
import { keyText } from "./keys.ts";
import { faultKind } from "./log-errors.ts";
import { logEndAt } from "./position.ts";
import type { ReadRate } from "./read-rate.ts";
import { behindAnswer, type ServiceClock } from "./service-clock.ts";
import type { TableFacts } from "./table-facts.ts";
import { hasKeyOf } from "./table-shape.ts";
import type { TimeGoal } from "./time-goal.ts";

/** So long a window stays open: each of its keys that changes meanwhile is struck from the pages. */
const MAY_LIVE_MS = 5_000;
/** Keys of one BatchGetItem. */
const KEYS = 100;

/** What a {@link ScanSnapshot} is made of. */
export interface ScanParts {
  readonly api: Pick<DynamoApi, "scan" | "getItems">;
  readonly table: string;
  readonly facts: TableFacts;
  readonly rate: ReadRate;
  readonly serviceClock: ServiceClock;
  readonly goal: TimeGoal;
  readonly consistent: boolean;
  readonly rows: (shape: TableShape, maxValueBytes: number) => ItemRows;
  /** The key that a row's item has. */
  readonly keyOf: (shape: TableShape, row: Row) => Item;
  /** Whoever asks ends: nobody waits for a page, or for its price. */
  readonly signal?: AbortSignal;
}

/**
 * A span of pages of a Scan. A page is a consistent read: what came out of the stream before it was asked for, it has
 * (design/009). So it sees every record that was given before, and keys of those that come while it is open are struck.
 */
export class ScanSnapshot implements SourceSnapshot {
  readonly token: Json = null;
  readonly mayLiveMs = MAY_LIVE_MS;
  readonly #parts: ScanParts;
  readonly #closed = new AbortController();
  readonly #signal: AbortSignal;
  #endMs: number;

  constructor(parts: ScanParts) {
    this.#parts = parts;
    const { signal: closed } = this.#closed;
    this.#signal = parts.signal === undefined ? closed : AbortSignal.any([closed, parts.signal]);
    this.#endMs = parts.serviceClock.endMs();
  }

  /** Behind everything that its pages can have seen; later with each page. */
  get logEnd(): Position {
    this.#parts.goal.raise(this.#endMs);
    return logEndAt(this.#endMs);
  }

  /** A record is behind the write that it tells of. */
  sees(): boolean {
    return true;
  }

  async *readChunk(
    shape: TableShape,
    range: ChunkRange,
    {
      maxValueBytes,
      batchBytes,
      pageRows,
    }: Pick<ChunkOptions, "maxValueBytes" | "batchBytes" | "pageRows">,
  ): AsyncGenerator<ChunkBatch, void, undefined> {
    const { segment, of, key } = parseChunkKey(range.from);
    const rows = this.#parts.rows(shape, maxValueBytes);
    const { key: names } = await this.#parts.facts.lately(this.#signal);
    for (let startKey: Item | null = key; ;) {
      const page = await this.#ofShape(
        shape,
        this.#page({ segment, segments: of, startKey }, pageRows),
      );
      failpoint("dynamodb-snapshot.page");
      const { lastKey } = page;
      const at = (item: Item): ChunkKey => chunkKey({ segment, of, key: item });
      yield* batchesOf(page, rows, (item) => at(keyPart(item, names)), {
        end: lastKey === null ? null : at(lastKey),
        batchBytes,
      });
      if (lastKey === null) return;
      startKey = lastKey;
    }
  }

  async readRows(
    shape: TableShape,
    keys: readonly Row[],
    { maxValueBytes, keysOnly = false }: { maxValueBytes: number; keysOnly?: boolean },
  ): Promise<ReadonlyMap<string, Row>> {
    const { keyOf, rows: rowsOf, facts } = this.#parts;
    const signal = this.#signal;
    const rows = rowsOf(shape, maxValueBytes);
    const found = new Map<string, Row>();
    const { key: names } = await facts.lately(signal);
    const attributes = keysOnly ? names.map(({ name }) => name) : null;
    for (let at = 0; at < keys.length; at += KEYS) {
      const asked = keys.slice(at, at + KEYS).map((row) => keyOf(shape, row));
      for (const item of await this.#ofShape(shape, this.#items(asked, attributes))) {
        const row = keysOnly ? rows.keyRow(item, null) : rows.row(item);
        found.set(keyText(shape, row), row);
      }
    }
    this.#saw(this.#parts.serviceClock.endMs());
    return found;
  }

  /** Nothing is held at the service. */
  close(): Promise<void> {
    this.#closed.abort(new Error("the snapshot was closed"));
    return Promise.resolve();
  }

  #page(
    place: Pick<ScanRequest, "segment" | "segments" | "startKey">,
    mostItems = Infinity,
  ): Promise<ScanPage> {
    const { api, table, rate, consistent, serviceClock } = this.#parts;
    return this.#atRate(async (description) => {
      const limit = Math.min(rate.itemsPerPage(description) ?? Infinity, mostItems);
      const request = { table, ...place, consistent };
      const asked = Number.isFinite(limit) ? { ...request, limit } : request;
      const told = serviceClock.asking();
      const page = await api.scan(asked, this.#signal);
      rate.took(page.units);
      told(page.timeMs);
      this.#saw(behindAnswer(page.timeMs));
      return page;
    });
  }

  #items(keys: readonly Item[], attributes: readonly string[] | null): Promise<readonly Item[]> {
    const { api, table, rate } = this.#parts;
    return this.#atRate(async () => {
      const named = attributes === null ? {} : { attributes };
      const options = { signal: this.#signal, ...named };
      const { items, units, isThrottled } = await api.getItems(table, keys, options);
      // A stand-in that tells no units: a key costs at least one.
      rate.took(units === 0 ? keys.length : units);
      if (isThrottled) rate.refused();
      return items;
    });
  }

  /** Keys that the service refuses may be those of the table that was there before. @throws MillraceError MR_SOURCE_TABLE_CHANGED */
  async #ofShape<T>(shape: TableShape, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (thrown) {
      if (faultKind(thrown) !== "refused") throw thrown;
      const table = await this.#parts.facts.read(this.#signal);
      if (hasKeyOf(shape, table)) throw thrown;
      throw tableChanged(shape, "the table has another key now");
    }
  }

  /** What is refused is asked for again, slower; the stream's records go on meanwhile. */
  async #atRate<T>(ask: (table: TableDescription) => Promise<T>): Promise<T> {
    const { facts, rate } = this.#parts;
    const signal = this.#signal;
    for (;;) {
      const description = await facts.lately(signal);
      rate.described(description);
      await rate.paid(signal);
      try {
        return await ask(description);
      } catch (thrown) {
        signal.throwIfAborted();
        if (faultKind(thrown) !== "throttled") throw thrown;
        rate.refused();
      }
    }
  }

  #saw(endMs: number): void {
    this.#endMs = Math.max(this.#endMs, endMs);
  }
}

/**
 * Hot: rows of a page in portions, each with the key that a later read goes on behind: a Scan takes any key of its segment as a
 * start. So a run that ends within a page has got further all the same; a snapshot does not end there, for pages cost read units.
 */
function* batchesOf(
  { items, bytes: sentBytes }: ScanPage,
  rows: ItemRows,
  behind: (item: Item) => ChunkKey,
  { end, batchBytes }: { readonly end: ChunkKey | null; readonly batchBytes: number },
): Generator<ChunkBatch, void, undefined> {
  let batch: Change[] = [];
  let bytes = 0;
  let sent = sentBytes;
  for (const item of items) {
    const change = rows.loaded(item);
    batch.push(change);
    bytes += change.bytes;
    if (bytes < batchBytes) continue;
    yield { rows: batch, lastKey: behind(item), bytes, sentBytes: sent, inHand: "more" };
    [batch, bytes, sent] = [[], 0, 0];
  }
  yield { rows: batch, lastKey: end, bytes, sentBytes: sent, inHand: "last" };
}

function keyPart(item: Item, names: TableDescription["key"]): Item {
  return Object.fromEntries(
    names.flatMap(({ name }): [string, AttributeValue][] => {
      const value = item[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
