import { AssertionError } from "node:assert";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { classify } from "../sinks/dsql/errors.ts";
import { ExchangeError } from "../sinks/dsql/exchange.ts";
import { sinkError } from "../sinks/kafka/errors.ts";
import { ownFaultOf } from "../sources/dynamodb/errors.ts";
import { sourceError } from "../sources/kafka/errors.ts";
import { connectionError as mysqlError } from "../sources/mysql/connection-error.ts";
import { connectionError as postgresError } from "../sources/postgres/connection-error.ts";
import { isBug, ownFault } from "./own-fault.ts";
import { toMillraceError } from "./to-millrace-error.ts";

const VALUE = "GEHEIM";

const OWN: readonly (readonly [string, Error])[] = [
  ["a TypeError", new TypeError(`Cannot use 'in' operator to search for 'x' in ${VALUE}`)],
  ["a RangeError", new RangeError(`Invalid count value: ${VALUE}`)],
  ["a ReferenceError", new ReferenceError("x is not defined")],
  ["a SyntaxError", new SyntaxError(`Cannot convert ${VALUE} to a BigInt`)],
  [
    "an assertion",
    new AssertionError({ actual: VALUE, expected: "other", operator: "strictEqual" }),
  ],
];

const OTHERS: readonly (readonly [string, unknown])[] = [
  ["a socket's error", Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })],
  ["what nobody knows", new Error("socket hang up")],
  ["a text", "thrown"],
  ["what fetch says of a network", new TypeError("fetch failed", { cause: new Error("ECONN") })],
  ["memory that is not there", new RangeError("Array buffer allocation failed")],
];

/** Each gives what was thrown its place. */
const TRANSLATORS: readonly (readonly [string, (thrown: unknown) => unknown])[] = [
  ["PostgreSQL as a source", (thrown) => postgresError(thrown, "reading")],
  ["MySQL as a source", (thrown) => mysqlError(thrown, "reading")],
  ["Kafka as a source", sourceError],
  ["Kafka as a sink", sinkError],
  ["a SQL sink", (thrown) => classify(thrown, { doing: "writing" })],
  ["a SQL sink's answer", (thrown) => classify(new ExchangeError(0, thrown), { doing: "writing" })],
  ["a run", (thrown) => toMillraceError(thrown, "MR_SOURCE_LOST_CONNECTION")],
];

describe("a fault of our own code", () => {
  it.each(TRANSLATORS)("is told as what it is, and not as a connection's, by %s", (_who, tell) => {
    for (const [, thrown] of OWN) expect(tell(thrown)).toMatchObject({ code: "MR_BUG" });
    for (const [, thrown] of OTHERS) expect(tell(thrown)).toMatchObject({ class: "transient" });
  });

  it.each(OWN)("is %s; no value is told with it, and its place is", (_what, thrown) => {
    const error = ownFault(thrown, "reading t");
    expect(error?.message).toMatch(/^MR_BUG: reading t: \w+Error.*\(own-fault\.test\.ts:\d+\)$/);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(VALUE);
    expect(isBug(thrown) && isBug(error)).toBe(true);
  });

  it.each(OTHERS)("is not %s", (_what, thrown) => {
    expect([ownFault(thrown), isBug(thrown)]).toEqual([null, false]);
  });

  it("is not what a client of AWS made nothing of: half an answer, another's, or keys that are none", () => {
    const call = { action: "dynamodb:Scan", about: null };
    expect(ownFaultOf(new TypeError("x is not a function"), call)?.message).toMatch(
      /^MR_BUG: dynamodb:Scan: TypeError: x is not a function/,
    );
    expect(ownFaultOf(new SyntaxError("Unexpected end of JSON input"), call)).toBeNull();
    for (const of of [{ $response: {} }, { $metadata: {} }, { code: "ERR_INVALID_CHAR" }])
      expect(ownFaultOf(Object.assign(new TypeError("no"), of), call)).toBeNull();
  });
});
