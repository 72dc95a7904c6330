/** What was written to the rows of a table, in its order, and what is wrong with the topic that tells of it. */
import { consumedMessages, type ReadMessage } from "./console-consumer.ts";
import type { Guarantee } from "./topic-counts.ts";

/** Columns of a row that hold something; `w` is the number of the write, which no other has. */
export type Row = Readonly<Record<string, number>>;

interface Told {
  readonly op: "r" | "c" | "u" | "d" | "t";
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

/** One thing that happened to a key: `d`, `t` for a TRUNCATE, or how it was written and what it was then. */
interface Written {
  readonly text: string;
  readonly w: number | null;
  /** It was written behind the load of its table, so that the log has to tell it. */
  readonly isCertain: boolean;
}

/** What became of a key, in the order of its messages. */
interface KeyTold {
  /** What the log told, as {@link Written.text} has it. */
  readonly logged: string[];
  /** The writes that loads told. */
  readonly loaded: number[];
  /** What it was told to be last, however; null where it is gone. */
  last: Readonly<Record<string, unknown>> | null;
}

const ENDS: ReadonlySet<string> = new Set(["d", "t"]);

/** How a ledger is held against a topic. */
export type Comparison = "wrong" | "wrongReloaded" | "wrongRefused" | "wrongKeyless";

/** The rows of one table. */
export class TopicLedger {
  readonly #keys = new Map<number, Written[]>();
  /** What each key is now. */
  readonly #rows = new Map<number, Row>();
  /** What each key has become since without the log's telling. */
  readonly #unsaid = new Map<number, Row[]>();
  /** From then on a load does not stand for what the log tells. */
  isLoaded = false;

  /** A row is made, or changed. */
  wrote(op: "c" | "u", key: number, row: Row): void {
    this.#add(key, `${op} ${textOf(row)}`, row["w"] ?? null);
    this.#rows.set(key, row);
    this.#unsaid.delete(key);
  }

  /** A row is changed, and the change is refused: only a load may tell what it is then. */
  unsaid(key: number, row: Row): void {
    this.#unsaid.set(key, [...(this.#unsaid.get(key) ?? []), row]);
  }

  /** A row is gone. */
  deleted(key: number): void {
    this.#add(key, "d", null);
    this.#rows.delete(key);
  }

  /** All rows are gone at once. */
  truncated(): void {
    for (const [key, written] of this.#keys)
      if (!ENDS.has(written.at(-1)?.text ?? "")) this.#add(key, "t", null);
    this.#rows.clear();
  }

  /** A column is gone. */
  dropped(column: string): void {
    for (const [key, { [column]: _, ...row }] of this.#rows) this.#rows.set(key, row);
  }

  /** A line for each key that the messages of the topic, in the order of each partition, do not tell as they should. */
  wrong(messages: readonly ReadMessage[], guarantee: Guarantee): readonly string[] {
    return this.#wrong(toldOf(messages), (written, told, since) =>
      wrongKey(written, told, guarantee, { since }),
    );
  }

  /**
   * The same where a table is loaded again and again, because its columns come and go while nobody reads the log: a load may tell a row
   * as often as it likes, and what the log tells of a write may lack values.
   */
  wrongReloaded(messages: readonly ReadMessage[], guarantee: Guarantee): readonly string[] {
    return this.#wrong(toldOf(messages, writeOf), (written, told, since) => {
      const writes = written.map(({ text, w, ...rest }) => ({
        ...rest,
        w,
        text: w === null ? text : `${text.slice(0, 1)} ${writeOf({ w })}`,
      }));
      return wrongKey(writes, told, guarantee, { mostLoads: Infinity, since });
    });
  }

  /**
   * The same of rows of which some are refused, and so neither written here nor told; a load may have met one in the place of what was
   * written before it.
   */
  wrongRefused(messages: readonly ReadMessage[], guarantee: Guarantee): readonly string[] {
    return this.#wrong(toldOf(messages), (written, told, since) =>
      wrongKey(written, told, guarantee, { isSeenUnsaid: true, since }),
    );
  }

  #wrong(
    told: ReadonlyMap<number, KeyTold>,
    wrongOf: (written: readonly Written[], told: KeyTold, since: number) => readonly string[],
  ): readonly string[] {
    const since = firstLogged(told);
    const strangers = [...told.keys()].filter((key) => !this.#keys.has(key));
    const wrong = [...this.#keys].flatMap(([key, written]) => {
      const ofKey = told.get(key) ?? NOTHING;
      const lines = wrongOf(written, ofKey, since);
      // Of one that nothing is told of, it was seen above whether that may be.
      const isEnding = lines.length === 0 && told.has(key);
      const all = isEnding ? this.#wrongEnd(key, ofKey.last) : lines;
      return all.map((line) => `key ${key}: ${line}`);
    });
    return [...wrong, ...strangers.map((key) => `key ${key} was never written`)];
  }

  /** The same of a table without a key: each row that was ever made is told by one message behind the last TRUNCATE of its partition. */
  wrongKeyless(messages: readonly ReadMessage[], guarantee: Guarantee): readonly string[] {
    const partitions = new Map<number, number[]>();
    for (const { partition, value } of messages) {
      if (value === null) continue;
      const { op, after } = JSON.parse(value) as Told;
      const ids = op === "t" ? [] : (partitions.get(partition) ?? []);
      if (after !== null && op !== "t") ids.push(Number(after["id"]));
      partitions.set(partition, ids);
    }
    const told = new Map<number, number>();
    for (const id of [...partitions.values()].flat()) told.set(id, (told.get(id) ?? 0) + 1);
    const most = guarantee === "exactly-once" ? 1 : Infinity;
    const wrong = [...this.#keys.keys()].flatMap((id) => {
      const times = told.get(id) ?? 0;
      return times >= 1 && times <= most ? [] : [`row ${id} is told ${times} times`];
    });
    const strangers = [...told.keys()].filter((id) => !this.#keys.has(id));
    return [...wrong, ...strangers.map((id) => `row ${id} was never written`)];
  }

  #wrongEnd(key: number, last: KeyTold["last"]): readonly string[] {
    const isSeen = this.#unsaid.get(key)?.some((row) => wrongEnd(row, last).length === 0) ?? false;
    return isSeen ? [] : wrongEnd(this.#rows.get(key) ?? null, last);
  }

  #add(key: number, text: string, w: number | null): void {
    const written = this.#keys.get(key) ?? [];
    this.#keys.set(key, written);
    written.push({ text, w, isCertain: this.isLoaded });
  }
}

/** What is wrong with the topic of a ledger's table, to a plain consumer of committed messages. */
export async function wrongLedger(
  ledger: TopicLedger,
  topic: string,
  options: {
    readonly bootstrap: string;
    readonly guarantee: Guarantee;
    readonly compare: Comparison;
  },
): Promise<readonly string[]> {
  const messages = await consumedMessages(options.bootstrap, topic);
  return ledger[options.compare](messages, options.guarantee).map((line) => `${topic}: ${line}`);
}

const NOTHING: KeyTold = { logged: [], loaded: [], last: null };

/** The first write that the log tells of any row: from there on it tells all of them. */
function firstLogged(told: ReadonlyMap<number, KeyTold>): number {
  const writes = [...told.values()].flatMap(({ logged }) =>
    logged.map((text) => Number(/\bw=(\d+)/.exec(text)?.[1] ?? Infinity)),
  );
  return Math.min(Infinity, ...writes);
}

/**
 * The log tells what was written from somewhere on, in its order and to its end; what is before that, a load has told or took away
 * again. A row that was changed while a load read it is told by the log alone, from its first write since the log's own beginning. At
 * least once it may begin anew from wherever it has been.
 */
function wrongKey(
  written: readonly Written[],
  { logged, loaded }: KeyTold,
  guarantee: Guarantee,
  options: {
    readonly mostLoads?: number;
    readonly isSeenUnsaid?: boolean;
    /** See {@link firstLogged}. */
    readonly since: number;
  },
): readonly string[] {
  const isOnce = guarantee === "exactly-once";
  const { mostLoads = isOnce ? 1 : Infinity, isSeenUnsaid = false, since } = options;
  const wrong = loaded.length > mostLoads ? [`${loaded.length} rows of loads`] : [];
  const last = written.length - 1;
  // Where the log may begin: behind what a load has told, or what has left nothing, and before what it has to tell.
  const seen = Math.max(
    -1,
    ...written.flatMap(({ text, w }, at) =>
      ENDS.has(text) || (w !== null && loaded.includes(w)) ? [at] : [],
    ),
  );
  const certain = written.findIndex(({ isCertain }) => isCertain);
  const first = written.findIndex(({ w }) => w !== null && w >= since);
  const behind = isSeenUnsaid ? Infinity : Math.max(seen + 1, loaded.length === 0 ? first : 0);
  const begin = Math.min(behind, certain === -1 ? Infinity : certain);
  let places: readonly number[] = [];
  for (const [nth, text] of logged.entries()) {
    const from = places;
    const mayFollow = (at: number): boolean =>
      nth === 0
        ? at <= begin
        : from.some((before) => at === before + 1 || (!isOnce && at <= before));
    places = written.flatMap((event, at) => (event.text === text && mayFollow(at) ? [at] : []));
    if (places.length === 0)
      return [
        ...wrong,
        `tells ${text} behind ${logged[nth - 1] ?? "nothing"}, of ${written.map((event) => event.text).join(", ")}`,
      ];
  }
  const isWhole = logged.length === 0 ? begin > last : places.includes(last);
  if (!isWhole)
    wrong.push(`ends with ${logged.at(-1) ?? "loads alone"} and not ${written[last]?.text}`);
  return wrong;
}

/** Each key is told last what it is, or that it is gone; columns that it has no more may have values there. */
function wrongEnd(is: Row | null, told: KeyTold["last"]): readonly string[] {
  if (is === null) return told === null ? [] : [`is gone, and told to be ${textOf(told)}`];
  const isTold = Object.entries(is).every(([name, value]) => Number(told?.[name]) === value);
  return isTold
    ? []
    : [`is ${textOf(is)}, and told to be ${told === null ? "gone" : textOf(told)}`];
}

/** `spelled`: a row as it is compared. */
function toldOf(
  messages: readonly ReadMessage[],
  spelled: (row: Readonly<Record<string, unknown>>) => string = textOf,
): ReadonlyMap<number, KeyTold> {
  const keys = new Map<number, KeyTold>();
  const inPartition = new Map<number, Set<KeyTold>>();
  for (const { partition, value } of messages) {
    // A tombstone.
    if (value === null) continue;
    const { op, before = null, after = null } = JSON.parse(value) as Partial<Told>;
    const all = inPartition.get(partition) ?? new Set();
    inPartition.set(partition, all);
    if (op === "t") {
      for (const key of all) truncate(key);
      continue;
    }
    const row = after ?? before ?? {};
    const id = Number(row["id"]);
    const key = keys.get(id) ?? { logged: [], loaded: [], last: null };
    keys.set(id, key);
    all.add(key);
    key.last = op === "d" ? null : row;
    if (op === "r") key.loaded.push(Number(row["w"]));
    else key.logged.push(op === "d" ? "d" : `${op} ${spelled(row)}`);
  }
  return keys;
}

function truncate(key: KeyTold): void {
  // A load may run ahead of the log, which then tells of a TRUNCATE from before the row was made.
  const last = key.logged.at(-1);
  if (last !== undefined && !ENDS.has(last)) key.logged.push("t");
  key.last = null;
}

/** Columns that hold something, but for the key, in the order of their names. */
function textOf(row: Readonly<Record<string, unknown>>): string {
  return Object.entries(row)
    .filter(([name, value]) => name !== "id" && value !== null)
    .map(([name, value]) => `${name}=${String(value)}`)
    .toSorted()
    .join(" ");
}

/** The write alone. */
function writeOf({ w }: Readonly<Record<string, unknown>>): string {
  return textOf({ w });
}
