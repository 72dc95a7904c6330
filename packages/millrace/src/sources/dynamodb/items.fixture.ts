import fc from "fast-check";
import type { AttributeValue, Item, StreamRecord, TableDescription } from "./api.ts";
import { parseBody } from "../../formats/parse-body.ts";

/** Numbers as DynamoDB spells them: up to 38 digits, from 1E-130 to 9.99E+125. */
export const numbers: fc.Arbitrary<string> = fc
  .tuple(
    fc.boolean(),
    fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 38 }),
    fc.oneof(fc.integer({ min: -6, max: 6 }), fc.integer({ min: -130, max: 87 })),
  )
  .map(([isNegative, digits, exponent]) => {
    const text = digits.join("");
    const zeros = "0".repeat(Math.abs(exponent));
    const whole = exponent >= 0 ? text + zeros : text.slice(0, Math.max(0, text.length + exponent));
    const fraction =
      exponent >= 0 ? "" : text.padStart(-exponent, "0").slice(Math.max(0, text.length + exponent));
    const left = whole.replace(/^0+/, "");
    const right = fraction.replace(/0+$/, "");
    const plain = `${left === "" ? "0" : left}${right === "" ? "" : `.${right}`}`;
    return isNegative && plain !== "0" ? `-${plain}` : plain;
  });

/** Text without halves of pairs, which UTF-8 has no form for. */
export const texts: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary-ascii" }),
  fc.constantFrom("", "\u0000", '"', "\\", "\u2028", "\u{1F600}", "__proto__", "null"),
);

const binary = fc
  .uint8Array({ maxLength: 40 })
  .map((bytes) => Buffer.from(bytes).toString("base64"));

function setOf(values: fc.Arbitrary<string>): fc.Arbitrary<readonly string[]> {
  return fc.uniqueArray(values, { minLength: 1, maxLength: 5 });
}

/** Values of every type, nested. */
export const values: fc.Arbitrary<AttributeValue> = fc.letrec<{ value: AttributeValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    texts.map((S): AttributeValue => ({ S })),
    numbers.map((N): AttributeValue => ({ N })),
    binary.map((B): AttributeValue => ({ B })),
    fc.boolean().map((BOOL): AttributeValue => ({ BOOL })),
    fc.constant<AttributeValue>({ NULL: true }),
    setOf(texts).map((SS): AttributeValue => ({ SS })),
    setOf(numbers).map((NS): AttributeValue => ({ NS })),
    setOf(binary).map((BS): AttributeValue => ({ BS })),
    fc.array(tie("value"), { maxLength: 4 }).map((L): AttributeValue => ({ L })),
    itemOf(tie("value")).map((M): AttributeValue => ({ M })),
  ),
})).value;

/** What else an item may hold beside its key; few names, so that columns meet values of other types. */
export const attributes: fc.Arbitrary<Item> = itemOf(values);

/** Names that mean something to objects of JavaScript are names like others. */
function itemOf(value: fc.Arbitrary<AttributeValue>): fc.Arbitrary<Item> {
  const name = fc.oneof(fc.constantFrom("a", "b", "c", "S", "M", "N", "constructor", "1"), texts);
  return fc
    .uniqueArray(fc.tuple(name, value), { maxLength: 6, selector: ([key]) => key })
    .map((entries) =>
      parsed(
        `{${entries.map(([key, held]) => `${JSON.stringify(key)}:${JSON.stringify(held)}`).join(",")}}`,
      ),
    );
}

/** As answers are: `__proto__` is a member like any other. */
function parsed(text: string): Item {
  return parseBody(Buffer.from(text)) as Item;
}

/** A table of the tests. */
export function description(overrides: Partial<TableDescription> = {}): TableDescription {
  return {
    name: "orders",
    arn: "arn:aws:dynamodb:eu-west-1:123456789012:table/orders",
    tableId: "6b6a1f0e-0000-4000-8000-000000000001",
    status: "ACTIVE",
    key: [
      { name: "id", type: "S" },
      { name: "n", type: "N" },
    ],
    stream: null,
    latestStreamArn: null,
    itemCount: 0,
    sizeBytes: 0,
    readUnits: 0,
    maxReadUnits: null,
    ...overrides,
  };
}

/** A record of the table's stream. */
export function record(overrides: Partial<StreamRecord> = {}): StreamRecord {
  return {
    eventId: "e1",
    event: "INSERT",
    sequence: "100000000000000000001",
    timeMs: 1_760_000_000_000,
    keys: { id: { S: "a" }, n: { N: "1" } },
    newImage: null,
    oldImage: null,
    sizeBytes: 100,
    principal: null,
    ...overrides,
  };
}
