import pg from "pg";
import { describe, expect, it } from "vitest";
import { MillraceError } from "./millrace-error.ts";
import { safeMessage, safeStack } from "./safe-text.ts";
import { toMillraceError } from "./to-millrace-error.ts";

const VALUE = "GEHEIM";

/** What JavaScript and the driver throw about a value, with the value in their words. */
const QUOTING: readonly (readonly [string, () => unknown])[] = [
  ["a text that is no JSON", (): unknown => JSON.parse(`[${VALUE}]`)],
  ["a text that is no number", () => BigInt(VALUE)],
  ["a number that is no integer", () => BigInt(47.11)],
  ["a text that is no object", (): unknown => Reflect.apply(has, null, [VALUE, VALUE])],
  [
    "a text that is not to be changed",
    () => Object.assign(Object.freeze({ [VALUE]: 1 }), { [VALUE]: 2 }),
  ],
  ["a property of nothing", (): unknown => Reflect.apply(read, null, [undefined, VALUE])],
  [
    "a server's refusal",
    () => {
      const error = new pg.DatabaseError(`invalid input: "${VALUE}"`, 0, "error");
      throw Object.assign(error, { code: "22P02", detail: VALUE, where: VALUE });
    },
  ],
  [
    "a text",
    () => {
      // eslint-disable-next-line no-throw-literal, typescript/only-throw-error
      throw VALUE;
    },
  ],
];

function has(of: object, name: string): boolean {
  return name in of;
}

function read(from: Readonly<Record<string, unknown>>, name: string): unknown {
  return from[name];
}

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("what is shown of an error that is not ours", () => {
  it.each(QUOTING)("does not quote the value of %s", (_what, work) => {
    const thrown = thrownBy(work);
    const failure = toMillraceError(thrown, "MR_BUG");
    const shown = [safeMessage(thrown), safeStack(thrown), failure.message, failure.stack].join(
      "\n",
    );
    expect(shown).not.toMatch(/GEHEIM|47\.11/);
  });

  it("says what the program did wrong, and where", () => {
    const nothing = Reflect.get({}, "nothing") as () => void;
    const thrown = thrownBy(() => nothing());
    expect(safeMessage(thrown)).toMatch(
      /^TypeError: nothing is not a function \(safe-text\.test\.ts:\d+\)$/,
    );
    expect(safeStack(thrown)).toMatch(/\n {4}at .*safe-text\.test/);
    expect(safeMessage(new MillraceError("MR_BUG", "this"))).toBe("MR_BUG: this");
  });
});
