/**
 * Messages of `debezium-json` read per second of CPU, without their schema and with it, and with keys of which the next ones are
 * not told (text; with their table's name), over rows of 10 columns in memory, beside JSON.parse of the same values, which loses
 * digits and makes no rows: `node message-reader.bench.ts [seconds]`. In turns: on a busy machine only the two together say
 * something.
 */
import { createFormat } from "./create-format.ts";
import { column, event, table } from "./event.fixture.ts";
import { DEFAULT_FORMAT, type FormatOptions } from "./format.ts";
import { MessageList } from "./messages.fixture.ts";
import { MessageReader } from "./message-reader.ts";

const ROWS = 2_000;
const ROUNDS = 4;
const TABLE = table("public", "orders", [
  column("id", { kind: "int", bits: 64 }, { nullable: false }),
  column("customer", { kind: "int", bits: 32 }),
  column("quantity", { kind: "int", bits: 32 }),
  column("price", { kind: "decimal", precision: 12, scale: 2 }),
  column("sku", { kind: "text", maxChars: 32 }),
  column("note", { kind: "text", maxChars: null }),
  column("active", { kind: "boolean" }),
  column("changed", { kind: "timestamptz", precision: 6 }),
  column("token", { kind: "uuid" }),
  column("extra", { kind: "jsonb" }),
]);

interface Bytes {
  readonly key: Buffer;
  readonly value: Buffer;
}

async function messages(options: Partial<FormatOptions>): Promise<readonly Bytes[]> {
  const names = { serverName: "shop", version: "1" };
  const format = createFormat({ ...DEFAULT_FORMAT, ...options }, { names, block: null });
  const encoder = await format.encoder(TABLE, "shop.public.orders");
  const output = new MessageList();
  for (let n = 0; n < ROWS; n++) {
    const after = [
      String(1_000_000 + n),
      String(n % 1_000),
      String((n * 7) % 100_000),
      ((n % 100_000) / 100).toFixed(2),
      `SKU-${n % 5_000}`,
      `note of item ${n} ${"x".repeat(40)}`,
      n % 2 === 0,
      `2026-11-${String(10 + (n % 20))} 12:34:56+00`,
      `00112233-4455-6677-8899-${String(n).padStart(12, "0")}`,
      `{"n": ${n}, "tags": ["a", "b"]}`,
    ];
    encoder.change(event(TABLE, { after }), 1_700_000_000_000, output);
  }
  return output.messages.map(({ keyBytes, valueBytes }) => ({
    key: Buffer.from(keyBytes ?? []),
    value: Buffer.from(valueBytes ?? []),
  }));
}

const seconds = Number(process.argv[2] ?? 3);
const reader = (): MessageReader =>
  new MessageReader({
    format: "debezium-json",
    table: { schema: "public", table: "orders" },
    unavailable: "__debezium_unavailable_value",
  });
const KINDS: Readonly<Record<string, Partial<FormatOptions>>> = {
  "without schema": { includeSchema: false },
  "with schema": { includeSchema: true },
  "key of text": { includeSchema: false, key: "string" },
  "key with table": { includeSchema: false, keyWithTable: true },
};
const kinds = await Promise.all(
  Object.entries(KINDS).map(async ([name, options]) => ({
    name,
    list: await messages(options),
    by: reader(),
  })),
);

function perSecond(list: readonly Bytes[], read: (message: Bytes) => unknown): number {
  const untilMs = performance.now() + (seconds * 1_000) / ROUNDS / kinds.length / 2;
  const cpu = process.cpuUsage();
  let count = 0;
  for (; performance.now() < untilMs; count += list.length)
    for (const message of list) read(message);
  const { user, system } = process.cpuUsage(cpu);
  return Math.round(count / ((user + system) / 1e6));
}

for (let round = 0; round < ROUNDS; round++)
  for (const { name, list, by } of kinds) {
    const ours = perSecond(list, ({ key, value }) => by.read(key, value));
    const parsed = perSecond(list, ({ value }): unknown => JSON.parse(value.toString()));
    const bytes = list[0]?.value.length ?? 0;
    process.stdout.write(
      `${name} (${bytes} bytes): ${ours} messages/s of CPU, JSON.parse ${parsed}\n`,
    );
  }
