/** Tables of DynamoDB that are written while a pipeline reads them, and what was written into them. */
import type {
  AttributeValue,
  DynamoDB,
} from "../../packages/dynamodb-local/src/testing/clients.ts";
import type { Dice } from "./random.ts";

/** An item with all its attributes. */
export type TestItem = Record<string, AttributeValue>;

/** A table of the end-to-end tests: `id` is its hash key, `nth` (a number) its range key where it has one. */
export interface ItemTable {
  readonly name: string;
  readonly hash: "S" | "N" | "B";
  readonly hasRange: boolean;
}

/** One of each kind of key. */
export const itemTables: readonly ItemTable[] = [
  { name: "by_text", hash: "S", hasRange: false },
  { name: "by_number", hash: "N", hasRange: true },
  { name: "by_bytes", hash: "B", hasRange: false },
];

const KEYS = 120;
const TEXTS = ["", "plain", "naïve – 京都 🚂", "quote \" and \\ and '", "line\nbreak\ttab"];
const NUMBERS = [
  "0",
  "-1",
  "12345678901234567890123456789012345678",
  "0.00000000000000000000000000000000000001",
  "1.5e100",
  "-99999999999999999999999999999999999999",
];

/** The tag by whose value a life's tables are found. */
export const ITEM_TAG = "items";

/** Makes a table, with a stream of both images and the tags that DISCOVERY goes by. */
export async function makeItemTable(dynamodb: DynamoDB, table: ItemTable): Promise<void> {
  const range = { AttributeName: "nth", AttributeType: "N" } as const;
  await dynamodb.createTable({
    TableName: table.name,
    AttributeDefinitions: [
      { AttributeName: "id", AttributeType: table.hash },
      ...(table.hasRange ? [range] : []),
    ],
    KeySchema: [
      { AttributeName: "id", KeyType: "HASH" },
      ...(table.hasRange ? [{ AttributeName: "nth", KeyType: "RANGE" } as const] : []),
    ],
    BillingMode: "PAY_PER_REQUEST",
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
    Tags: [
      { Key: "datalake-ingest", Value: "" },
      { Key: "environment", Value: ITEM_TAG },
    ],
  });
}

/** Every item of a table. */
export async function itemsOf(dynamodb: DynamoDB, table: string): Promise<readonly TestItem[]> {
  const items: TestItem[] = [];
  for (let from: TestItem | undefined; ;) {
    const page = await dynamodb.scan({
      TableName: table,
      ConsistentRead: true,
      ExclusiveStartKey: from,
    });
    items.push(...(page.Items ?? []));
    if (page.LastEvaluatedKey === undefined) return items;
    from = page.LastEvaluatedKey;
  }
}

/** What had been written to a table when it lost changes last. */
export interface ItemLoss {
  /** The last number. */
  readonly upTo: number;
  /** How many items were deleted. */
  readonly deleted: number;
}

/**
 * Writes items, each write with a number `w` of its own, which the item then has. Keys are written by one after another, so that what
 * an item has last is what was written last.
 */
export class ItemWriter {
  /** The numbers that were written, by table. */
  readonly written = new Map<string, number[]>();
  /** How many items were deleted, by table. */
  readonly deleted = new Map<string, number>();
  /** By table, what may never be told: what was written up to then. */
  readonly losses = new Map<string, ItemLoss>();
  readonly #dynamodb: DynamoDB;
  readonly #dice: Dice;
  readonly #tables: ItemTable[] = [];
  /** Keys that have an item. */
  readonly #there = new Set<string>();
  #count = 0;

  constructor(dynamodb: DynamoDB, dice: Dice) {
    this.#dynamodb = dynamodb;
    this.#dice = dice;
  }

  /** An item for each key of a table, which is written from now on. */
  async fill(table: ItemTable): Promise<void> {
    for (let n = 0; n < KEYS; n += 20)
      await Promise.all(Array.from({ length: 20 }, (_, i) => this.#put(table, n + i)));
    this.#tables.push(table);
  }

  /** Nobody may ever tell of what was written to the table until now. */
  lost(table: string): void {
    this.losses.set(table, { upTo: this.#count, deleted: this.deleted.get(table) ?? 0 });
  }

  /** The table was deleted, and its items with it. */
  emptied(table: string): void {
    this.lost(table);
    for (const key of this.#there) if (key.startsWith(`${table} `)) this.#there.delete(key);
  }

  /** Writes until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) await this.step();
  }

  /** One write. */
  async step(): Promise<void> {
    const table = this.#dice.pick(this.#tables);
    const n = this.#dice.between(0, KEYS - 1);
    const write = this.#dice.weighted([
      [4, () => this.#put(table, n)],
      [4, () => this.#update(table, n)],
      [2, () => this.#delete(table, n)],
      [1, () => this.#deleteAndPut(table, n)],
    ] as const);
    await write();
  }

  async #put(table: ItemTable, n: number): Promise<void> {
    const Item = { ...this.#attributes(this.#next(table)), ...keyOf(table, n) };
    await this.#dynamodb.putItem({ TableName: table.name, Item });
    this.#there.add(`${table.name} ${n}`);
  }

  async #update(table: ItemTable, n: number): Promise<void> {
    const w = this.#next(table);
    const remove = this.#dice.chance(0.3) ? " REMOVE #list, #map" : "";
    await this.#dynamodb.updateItem({
      TableName: table.name,
      Key: keyOf(table, n),
      UpdateExpression: `SET #w = :w, #text = :text${remove}`,
      ExpressionAttributeNames: {
        "#w": "w",
        "#text": "text",
        ...(remove === "" ? {} : { "#list": "list", "#map": "map" }),
      },
      ExpressionAttributeValues: {
        ":w": { N: String(w) },
        ":text": { S: this.#dice.pick(TEXTS) },
      },
    });
    this.#there.add(`${table.name} ${n}`);
  }

  async #delete(table: ItemTable, n: number): Promise<void> {
    await this.#dynamodb.deleteItem({ TableName: table.name, Key: keyOf(table, n) });
    if (this.#there.delete(`${table.name} ${n}`))
      this.deleted.set(table.name, (this.deleted.get(table.name) ?? 0) + 1);
  }

  async #deleteAndPut(table: ItemTable, n: number): Promise<void> {
    await this.#delete(table, n);
    await this.#put(table, n);
  }

  #next({ name }: ItemTable): number {
    const w = ++this.#count;
    this.written.set(name, [...(this.written.get(name) ?? []), w]);
    return w;
  }

  #attributes(w: number): TestItem {
    const dice = this.#dice;
    const all: TestItem = {
      text: { S: dice.pick(TEXTS) },
      number: { N: dice.pick(NUMBERS) },
      bytes: { B: Buffer.from([0, w & 255, 255]) },
      truth: { BOOL: dice.chance(0.5) },
      nothing: { NULL: true },
      texts: { SS: ["b", "a", `${w}`] },
      numbers: { NS: ["1", "2.5", `-${w}`] },
      binaries: { BS: [Buffer.from("x"), Buffer.from([w & 255, 1])] },
      list: { L: [{ N: `${w}` }, { S: "" }, { L: [] }] },
      map: { M: { "a-b": { N: "1" }, deep: { M: { x: { NULL: true } } } } },
    };
    const chosen = Object.entries(all).filter(() => dice.chance(0.7));
    return { ...Object.fromEntries(chosen), w: { N: String(w) } };
  }
}

function keyOf(table: ItemTable, n: number): TestItem {
  const id: AttributeValue =
    table.hash === "S"
      ? { S: `key ${n}` }
      : table.hash === "N"
        ? { N: String(n % 7) }
        : { B: Buffer.from([n, 0, 255 - n]) };
  return table.hasRange ? { id, nth: { N: `${n}.5` } } : { id };
}

/** The same text for the same item, however it was come by: sets have no order, binary values are base64. */
export function canonicalItem(item: unknown): string {
  return JSON.stringify(canonical(item));
}

function canonical(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    sorted.map(([name, inner]) => [
      name,
      /^[SNB]S$/i.test(name) && Array.isArray(inner)
        ? inner.map((one) => String(canonical(one))).toSorted()
        : canonical(inner),
    ]),
  );
}
