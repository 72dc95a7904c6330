/** What readers outside hold on to: messages byte for byte as their golden files have them, read back by decoders that are not ours. */
import { readFileSync } from "node:fs";
import avsc from "avsc";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SchemaRegistryServer } from "../../../../test/support/schema-registry.ts";
import { PostgresSourceBlock } from "../sources/postgres/source-block.ts";
import { createFormat } from "./create-format.ts";
import { column, event, table } from "./event.fixture.ts";
import { DEFAULT_FORMAT, type FormatOptions } from "./format.ts";
import { MessageList, type ReadMessage } from "./messages.fixture.ts";

let registry: SchemaRegistryServer;
beforeEach(async () => {
  registry = await SchemaRegistryServer.start();
});
afterEach(() => registry.close());

const NAMES = { serverName: "shop", version: "1" };
const text = { kind: "text", maxChars: null } as const;
const ORDERS = table("public", "orders", [
  column("id", { kind: "int", bits: 64 }, { nullable: false }),
  column("note", text),
  column("paid", { kind: "boolean" }),
  column("amount", { kind: "decimal", precision: 10, scale: 2 }),
  column("due", { kind: "date" }),
  column("picture", { kind: "bytes", maxBytes: null }),
]);
const FIRST = [
  "9007199254740993",
  'Zoë "a\\b"\n',
  true,
  "12.50",
  "2024-02-29",
  Buffer.from([0, 255]),
];
const SECOND = ["9007199254740993", null, false, "-0.01", null, null];
const PLACE = {
  position: [34_389_280, 34_389_336, 3],
  transaction: { id: "779@0/20CC0A0", commitTimeMs: 1_766_925_059_528 },
} as const;
const CHANGES = [
  event(ORDERS, { op: "c", after: FIRST, ...PLACE }),
  event(ORDERS, { op: "u", before: FIRST, after: SECOND, ...PLACE }),
  event(ORDERS, { op: "d", before: SECOND, ...PLACE }),
];

async function messagesIn(options: Partial<FormatOptions>): Promise<readonly ReadMessage[]> {
  const block = new PostgresSourceBlock(NAMES, "sales");
  const encoder = await createFormat(
    { ...DEFAULT_FORMAT, ...options },
    { names: NAMES, block },
  ).encoder(ORDERS, "orders");
  const output = new MessageList();
  for (const change of CHANGES) encoder.change(change, 1_766_925_060_000, output);
  return output.messages;
}

/** One message a line: its key, a tab, its value; "-" is none. */
function lines(messages: readonly ReadMessage[], how: "utf8" | "hex"): string {
  const shown = (bytes: Uint8Array | null) =>
    bytes === null ? "-" : Buffer.from(bytes).toString(how);
  return messages
    .map(({ keyBytes, valueBytes }) => `${shown(keyBytes)}\t${shown(valueBytes)}\n`)
    .join("");
}

/** Values of the golden file. */
function golden(file: string): readonly string[] {
  const all = readFileSync(new URL(`golden/${file}`, import.meta.url), "utf8");
  return all
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t")[1] ?? "");
}

/** As JSON gives them; the id is beyond what JavaScript's numbers hold. */
const PLAIN_FIRST = {
  id: expect.any(Number),
  note: 'Zoë "a\\b"\n',
  paid: true,
  amount: "12.50",
  due: "2024-02-29",
  picture: "AP8=",
};
const PLAIN_SECOND = {
  id: expect.any(Number),
  note: null,
  paid: false,
  amount: "-0.01",
  due: null,
  picture: null,
};

describe("messages as their golden files have them", () => {
  it("in plain-json, which any reader of JSON takes for the rows", async () => {
    const written = await messagesIn({ value: "plain-json" });
    await expect(lines(written, "utf8")).toMatchFileSnapshot("golden/plain-json.txt");
    const [first = "", second = "", third] = golden("plain-json.txt");
    expect([JSON.parse(first), JSON.parse(second), third]).toEqual([
      PLAIN_FIRST,
      PLAIN_SECOND,
      "-",
    ]);
  });

  it("in canal-json, which any reader of JSON takes for the changes", async () => {
    const written = await messagesIn({ value: "canal-json" });
    await expect(lines(written, "utf8")).toMatchFileSnapshot("golden/canal-json.txt");
    const read = golden("canal-json.txt").map((value) => JSON.parse(value) as object);
    expect(read).toMatchObject([
      { type: "INSERT", old: null, data: [PLAIN_FIRST], table: "orders" },
      { type: "UPDATE", old: [PLAIN_FIRST], data: [PLAIN_SECOND] },
      { type: "DELETE", old: null, data: [PLAIN_SECOND] },
    ]);
  });

  it("in avro, whose schema another decoder reads them by", async () => {
    const written = await messagesIn({
      value: "avro",
      key: "avro",
      registry: {
        urls: [registry.url],
        auth: null,
        subject: "TopicName",
        register: true,
        timeoutMs: 5_000,
      },
    });
    await expect(lines(written, "hex")).toMatchFileSnapshot("golden/avro.txt");
    const [value = ""] = golden("avro.txt");
    const bytes = Buffer.from(value, "hex");
    const schema = registry.schema(bytes.readInt32BE(1));
    await expect(`${schema}\n`).toMatchFileSnapshot("golden/avro-schema.txt");
    const type = avsc.Type.forSchema(JSON.parse(schema) as avsc.Schema, {
      wrapUnions: false,
      registry: { long: LONG },
      typeHook: longOf,
    });
    const read = golden("avro.txt")
      .filter((each) => each !== "-")
      .map((each) => type.fromBuffer(Buffer.from(each, "hex").subarray(5)) as object);
    expect(read).toMatchObject([
      { op: "c", before: null, after: { id: 9007199254740993n, note: 'Zoë "a\\b"\n', paid: true } },
      { op: "u", before: { paid: true }, after: { note: null, paid: false, due: null } },
      { op: "d", before: { id: 9007199254740993n, paid: false }, after: null },
    ]);
  });
});

/** Numbers of 64 bits as they are. */
const LONG = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: (value: number) => BigInt(value),
  toJSON: Number,
  isValid: (value: unknown) => typeof value === "bigint",
  compare: (a: bigint, b: bigint) => Number(a - b),
});

function longOf(each: unknown): avsc.Type | undefined {
  const isLong = typeof each === "object" && each !== null && Reflect.get(each, "type") === "long";
  return isLong ? LONG : undefined;
}
