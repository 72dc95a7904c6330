/** What keys are in each format, as their golden file has them, and what decoders that are not ours read in them. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { createFormat } from "./create-format.ts";
import { column, event, table } from "./event.fixture.ts";
import { DEFAULT_FORMAT, type FormatOptions } from "./format.ts";
import { MessageList } from "./messages.fixture.ts";

const GOLDEN = "golden/keys.jsonl";
const text = { kind: "text", maxChars: null } as const;
const PAIRS = table(
  "public",
  "pairs",
  [
    column("a", { kind: "int", bits: 64 }, { nullable: false }),
    column("b", text, { nullable: false }),
  ],
  { key: [1, 0] },
);
const ONE = table("public", "ones", [column("b", text, { nullable: false })]);
const TEXTS = ["x", 'Zoë, "du"', "two\r\nlines", "", " a ", "\\N", "😀"];
const BIG = "9007199254740993";

interface Key {
  readonly format: "json" | "csv" | "string";
  readonly shared: boolean;
  /** Of the key's columns, in key order. */
  readonly values: readonly string[];
  readonly key: string | null;
}

async function keyOf(
  target: typeof PAIRS,
  after: readonly string[],
  options: Partial<FormatOptions>,
): Promise<string | null> {
  const names = { serverName: "shop", version: "1" };
  const format = createFormat({ ...DEFAULT_FORMAT, ...options }, { names, block: null });
  const output = new MessageList();
  (await format.encoder(target, "topic")).change(event(target, { after }), 1, output);
  return output.messages[0]?.key ?? null;
}

async function written(): Promise<readonly Key[]> {
  const keys: Key[] = [];
  for (const format of ["json", "csv", "string"] as const)
    for (const shared of [false, true])
      for (const b of TEXTS) {
        const options = { key: format, keyWithTable: shared };
        const two = await keyOf(PAIRS, [BIG, b], options);
        keys.push({ format, shared, values: [b, BIG], key: two });
        keys.push({ format, shared, values: [b], key: await keyOf(ONE, [b], options) });
      }
  return keys;
}

/** Python's own readers of CSV and JSON, numbers to their last digit as texts. */
function readByPython(keys: readonly Key[]): readonly (readonly string[])[] {
  const program = `
import csv, io, json, sys
def read(one):
    key = one["key"]
    if one["format"] == "csv":
        return next(csv.reader(io.StringIO(key, newline=""), strict=True), [""])
    if one["format"] == "string":
        return json.loads(key) if one["shared"] or len(one["values"]) > 1 else [key]
    return [str(value) for value in json.loads(key).values()]
print(json.dumps([read(one) for one in json.load(sys.stdin)]))`;
  const answer = execFileSync("python3", ["-c", program], {
    input: JSON.stringify(keys),
    encoding: "utf8",
    env: { ...process.env, PYTHONUTF8: "1" },
  });
  return JSON.parse(answer) as readonly (readonly string[])[];
}

it("are as readers outside hold on to them, and say what they are of", async () => {
  const keys = await written();
  const lines = keys.map((key) => `${JSON.stringify(key)}\n`).join("");
  await expect(lines).toMatchFileSnapshot(GOLDEN);
  const golden = readFileSync(new URL(GOLDEN, import.meta.url), "utf8")
    .trimEnd()
    .split("\n");
  const kept = golden.map((line) => JSON.parse(line) as Key);
  const names = kept.map(({ values }) => (values.length === 1 ? "public.ones" : "public.pairs"));
  expect(readByPython(kept)).toEqual(
    kept.map(({ shared, values }, i) => [...(shared ? [names[i]] : []), ...values]),
  );
});

it("are never the same for two rows", async () => {
  for (const target of [PAIRS, ONE] as const)
    for (const format of ["json", "csv", "string"] as const) {
      const of = (await written()).filter(
        (key) => key.format === format && key.values.length === target.key.length && !key.shared,
      );
      expect(new Set(of.map(({ key }) => key)).size).toBe(TEXTS.length);
    }
});
