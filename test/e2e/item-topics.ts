/** Items of a table beside the topic that tells of them, in the records of Trustpilot's connector. */
import type { DynamoDB } from "../../packages/dynamodb-local/src/testing/clients.ts";
import { consumedMessages, type ReadMessage } from "./console-consumer.ts";
import { linesOf, without } from "./item-comparison.ts";
import {
  canonicalItem,
  type ItemLoss,
  type ItemWriter,
  itemsOf,
  type TestItem,
} from "./item-tables.ts";
import type { Guarantee } from "./topic-counts.ts";

interface Envelope {
  readonly op: "r" | "c" | "u" | "d";
  /** JSON with types in lower case. */
  readonly document: string;
  readonly source: { readonly init_sync_start: number };
}

/** What a key was told last. */
interface Told {
  readonly document: string;
  readonly generation: number;
}

/** What a topic tells. */
interface Telling {
  /** By key. */
  readonly last: ReadonlyMap<string, Told>;
  /** The numbers of the writes that the stream told of, by key, in their order. */
  readonly told: ReadonlyMap<string, readonly number[]>;
  readonly deletes: number;
  /** Keys that a load told again. */
  readonly loadedAgain: readonly string[];
  readonly isKeyed: boolean;
}

/** What was written to a table, and what of it may be missing. */
export interface Written {
  /** The numbers of the writes, each in one of the items. */
  readonly written: readonly number[];
  readonly deleted: number;
  readonly lost: ItemLoss;
}

/** Which topic tells of which table, and with which promise. */
interface TopicOf {
  readonly table: string;
  readonly bootstrap: string;
  readonly topic: string;
  readonly guarantee: Guarantee;
}

/** What is wrong with a table's topic: keys fold to other items, or {@link wrongTelling}. */
export async function wrongTopic(
  dynamodb: DynamoDB,
  writer: Pick<ItemWriter, "written" | "deleted" | "losses">,
  { table, bootstrap, topic, guarantee }: TopicOf,
): Promise<readonly string[]> {
  const telling = tellingOf(await consumedMessages(bootstrap, topic));
  const items = (await itemsOf(dynamodb, table)).map((item) => canonicalItem(lowered(item)));
  const folded = foldedOf(telling);
  const writes = {
    written: writer.written.get(table) ?? [],
    deleted: writer.deleted.get(table) ?? 0,
    lost: writer.losses.get(table) ?? { upTo: 0, deleted: 0 },
  };
  return [
    ...(telling.isKeyed ? [] : [`${table}: a message without a key`]),
    ...linesOf(`${table}: not in the topic`, without(items, folded)),
    ...linesOf(`${table}: not at the source`, without(folded, items)),
    ...wrongTelling(telling, writes, guarantee).map((line) => `${table}: ${line}`),
  ];
}

/**
 * A change that was written is not told, or not in the order of its key; or is told twice, where each is to be told once. Where
 * changes were lost, those may be told or not.
 */
export function wrongTelling(
  { told, deletes, loadedAgain }: Pick<Telling, "told" | "deletes" | "loadedAgain">,
  { written, deleted, lost }: Written,
  guarantee: Guarantee,
): readonly string[] {
  const isOnce = guarantee === "exactly-once";
  const all = [...told.values()].flat();
  const numbers = (of: Iterable<number>): string[] => [...of].map(String);
  const certain = written.filter((w) => w > lost.upTo);
  const more = numbers(isOnce ? all : new Set(all));
  const late = [...told].flatMap(([key, some]) =>
    (isOnce ? notRising(some) : brokenRuns(some, lost.upTo)).map((line) => `${key} tells ${line}`),
  );
  const isCounted = deletes >= deleted - lost.deleted && (deletes <= deleted || !isOnce);
  return [
    ...linesOf("too late", late),
    ...linesOf("loaded twice", isOnce ? loadedAgain : []),
    ...linesOf("not told", without(numbers(certain), numbers(all))),
    ...linesOf(isOnce ? "told twice" : "never written", without(more, numbers(written))),
    ...(isCounted
      ? []
      : [`${deletes} deletes are told of ${deleted}, ${lost.deleted} of them before a loss`]),
  ];
}

function notRising(some: readonly number[]): string[] {
  return some.flatMap((w, i) => {
    const before = some[i - 1] ?? 0;
    return w > before ? [] : [`${w} behind ${before}`];
  });
}

/**
 * Each number follows on the one that it followed on when it was told first, or is one that was told before. Behind a loss nothing
 * is told again of what was before.
 */
function brokenRuns(some: readonly number[], lostUpTo: number): string[] {
  const next = new Map<number, number>();
  const known = new Set<number>();
  let [newest, before] = [0, 0];
  const broken: string[] = [];
  for (const w of some) {
    const isBegun = before > lostUpTo;
    const isAgain = known.has(w) && (w <= before || next.get(before) === w);
    const goesOn = w > newest ? before === newest : isAgain;
    if (isBegun && !goesOn) broken.push(`${w} behind ${before}`);
    if (w > newest) {
      next.set(newest, w);
      newest = w;
    }
    known.add(w);
    before = w;
  }
  return broken;
}

function tellingOf(messages: readonly ReadMessage[]): Telling {
  const last = new Map<string, Told>();
  const told = new Map<string, number[]>();
  const loaded = new Set<string>();
  const loadedAgain: string[] = [];
  let deletes = 0;
  let isKeyed = true;
  for (const { key, value } of messages) {
    // Without both it says that a generation is whole.
    if (key === null && value !== null) isKeyed = false;
    if (key === null || value === null) continue;
    const { op, document, source } = JSON.parse(value) as Envelope;
    if (op === "d") {
      deletes++;
      last.delete(key);
      continue;
    }
    last.set(key, { document, generation: source.init_sync_start });
    if (op === "r") {
      const load = `${source.init_sync_start} ${key}`;
      if (loaded.has(load)) loadedAgain.push(key);
      loaded.add(load);
    }
    const { w } = JSON.parse(document) as { readonly w: { readonly n: string } };
    if (op !== "r") told.set(key, [...(told.get(key) ?? []), Number(w.n)]);
  }
  return { last, told, deletes, loadedAgain, isKeyed };
}

/** The items that keys come to: rows that the newest generation has not told are gone. */
function foldedOf({ last }: Telling): string[] {
  const all = [...last.values()];
  const whole = Math.max(...all.map(({ generation }) => generation));
  return all.flatMap(({ document, generation }) =>
    generation === whole ? [canonicalItem(JSON.parse(document))] : [],
  );
}

/** As that connector writes it: types in lower case, names of attributes without what Avro forbids at the top. */
function lowered(item: TestItem): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(item).map(([name, value]) => [name, loweredValue(value)]),
  );
}

function loweredValue(value: object): unknown {
  const [[type, inner] = ["", null]] = Object.entries(value).filter(([, one]) => one !== undefined);
  const tag = type.toLowerCase();
  if (type === "L") return { [tag]: (inner as object[]).map(loweredValue) };
  if (type === "M") return { [tag]: lowered(inner as TestItem) };
  return { [tag]: inner as unknown };
}
