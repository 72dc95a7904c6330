// A page of a Scan, as DynamoDB sends it: parsed by the SDK and by us, in turn, on this process' main thread; then the same items
// made rows for tables and for messages, and messages of them.
import { createFormat } from "../packages/millrace/src/formats/create-format.ts";
import { DEFAULT_FORMAT } from "../packages/millrace/src/formats/format.ts";
import { ByteWriter } from "../packages/millrace/src/formats/byte-writer.ts";
import { mapToTopic } from "../packages/millrace/src/sinks/kafka/table-mapping.ts";
import { scanPage } from "../packages/millrace/src/sources/dynamodb/answers.ts";
import type { Item } from "../packages/millrace/src/sources/dynamodb/api.ts";
import {
  MESSAGE_COLUMNS,
  TABLE_COLUMNS,
  type ColumnsOptions,
} from "../packages/millrace/src/sources/dynamodb/columns-options.ts";
import { ItemRows } from "../packages/millrace/src/sources/dynamodb/item-rows.ts";
import { readAnswer } from "../packages/millrace/src/sources/dynamodb/raw-answer.ts";
import { answerOf, sdkReader } from "../packages/millrace/src/sources/dynamodb/sdk-page.fixture.ts";
import { tableShape } from "../packages/millrace/src/sources/dynamodb/table-shape.ts";
import { absolute, against, median, type Figure } from "./report.ts";

/** DynamoDB ends a page at 1 MB. */
const ITEMS = Number(process.env["BENCH_ROWS"] ?? 3_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 15);
const GOAL = 4;

const TABLE = {
  name: "orders",
  arn: "arn:aws:dynamodb:eu-west-1:123456789012:table/orders",
  tableId: "bench",
  status: "ACTIVE",
  key: [{ name: "id", type: "S" }],
  stream: null,
  latestStreamArn: null,
  itemCount: ITEMS,
  sizeBytes: 0,
  readUnits: 0,
  maxReadUnits: null,
} as const;

/** The figures of `dynamodb-decode`. */
export async function run(): Promise<Figure[]> {
  const body = pageOf(ITEMS);
  const page = await ours(body);
  const rates = await inTurn({
    sdk: bySdk(body),
    ours: async () => void (await ours(body)),
    tables: rowMaker(page, TABLE_COLUMNS),
    messages: rowMaker(page, MESSAGE_COLUMNS),
    envelopes: await messageMaker(page),
  });
  return [
    absolute("page", body.length / 1e6, "MB"),
    against("items parsed", rates.ours, "items/s", rates.sdk, GOAL),
    absolute("items → rows of tables", rates.tables, "rows/s"),
    absolute("items → rows of messages", rates.messages, "rows/s"),
    absolute("items → messages (dynamodb-envelope)", rates.envelopes, "messages/s"),
  ];
}

/** Items of ten attributes of most types, about 330 bytes each as JSON. */
function itemOf(n: number): Item {
  return {
    id: { S: `order-${String(n).padStart(9, "0")}` },
    customer: { S: `customer ${n % 997}` },
    total: { N: `${n % 1_000}.${n % 97}1` },
    paid: { BOOL: n % 3 === 0 },
    note: n % 5 === 0 ? { NULL: true } : { S: "leave it at the door, please" },
    tags: { SS: ["new", `t${n % 31}`] },
    address: { M: { city: { S: "Köln" }, zip: { S: String(10_000 + (n % 80_000)) } } },
    lines: { L: [{ M: { sku: { S: `sku-${n % 211}` }, n: { N: "2" } } }] },
    version: { N: String(n) },
    hash: { B: Buffer.from(`hash of ${n}`).toString("base64") },
  };
}

function pageOf(items: number): Buffer {
  const Items = Array.from({ length: items }, (_, n) => itemOf(n));
  const page = { Items, Count: items, ScannedCount: items, LastEvaluatedKey: { id: { S: "x" } } };
  return Buffer.from(JSON.stringify(page));
}

async function ours(body: Uint8Array): Promise<readonly Item[]> {
  const { body: fields, bytes } = await readAnswer(answerOf(body));
  return scanPage(fields, { bytes, timeMs: 0 }).items;
}

function bySdk(body: Uint8Array): () => Promise<void> {
  const read = sdkReader(body);
  return async () => {
    if ((await read()) !== ITEMS) throw new Error("the SDK read another page");
  };
}

function rowMaker(items: readonly Item[], columns: ColumnsOptions): () => Promise<void> {
  const { shape } = tableShape(TABLE, columns, items);
  const rows = new ItemRows(shape, { ...columns, maxValueBytes: 1e6 });
  return () => {
    for (const item of items) rows.loaded(item);
    return Promise.resolve();
  };
}

async function messageMaker(items: readonly Item[]): Promise<() => Promise<void>> {
  const { shape } = tableShape(TABLE, MESSAGE_COLUMNS, null);
  const rows = new ItemRows(shape, { ...MESSAGE_COLUMNS, maxValueBytes: 1e6 });
  const table = mapToTopic(shape, { schema: "public", name: "orders" });
  const options = { ...DEFAULT_FORMAT, value: "dynamodb-envelope" } as const;
  const names = { serverName: "bench", version: "1" };
  const encoder = await createFormat(options, { names, block: null }).encoder(table, "orders");
  const output = { key: new ByteWriter(), value: new ByteWriter(), message: () => undefined };
  const initSync = { startMs: 1, endMs: null, rows: 0, isRepeated: false };
  const made = { key: "", before: null, position: null, transaction: null, counterpart: null };
  return () => {
    for (const item of items) {
      output.key.clear();
      output.value.clear();
      const after = rows.row(item);
      encoder.change({ ...made, op: "r", table, source: shape.id, after, initSync }, 1, output);
    }
    return Promise.resolve();
  };
}

/** Each in turn, so that what else the machine does strikes all of them; items a second. The first rounds are for the compiler. */
async function inTurn<Name extends string>(
  readers: Readonly<Record<Name, () => Promise<void>>>,
): Promise<Readonly<Record<Name, number>>> {
  const names = Object.keys(readers) as Name[];
  const rates = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = -3; round < ROUNDS; round++)
    for (const name of names) {
      const { user, system } = process.cpuUsage();
      await readers[name]();
      const spent = process.cpuUsage({ user, system });
      if (round >= 0) rates.get(name)?.push((ITEMS * 1e6) / (spent.user + spent.system));
    }
  const medians = names.map((name) => [name, median(rates.get(name) ?? [])] as const);
  return Object.fromEntries(medians) as Record<Name, number>;
}
