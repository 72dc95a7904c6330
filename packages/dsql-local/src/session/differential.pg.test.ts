/** What DSQL takes as PostgreSQL does has to be answered as PostgreSQL answers it: to the letter, in both protocols. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drawnSeed, testRuns, timeFor } from "../../../../test/support/test-runs.ts";
import { startDsqlLocal, type DsqlLocal } from "../index.ts";
import { startEmbedded, type EmbeddedPostgres } from "../postgres/embedded.ts";
import {
  parameterized,
  parameterValues,
  plainStatement,
  statement,
  TABLES,
} from "../testing/statements.ts";
import { Transcript } from "../testing/transcript.ts";
import { bind, closeStatement, describePortal, parse } from "../wire/extended.ts";
import { cstring, frame, Frames, int16, int32, query, Type } from "../wire/messages.ts";

let cluster: DsqlLocal;
let plain: EmbeddedPostgres;

beforeAll(async () => {
  cluster = await startDsqlLocal({ tls: "off" });
  plain = await startEmbedded({
    dataDir: undefined, maxConnections: 10, prepareKey: "plain", prepare: () => Promise.resolve(),
  }); // prettier-ignore
});
afterAll(async () => {
  await cluster.stop();
  await plain.stop();
});

/** What a client says at once, told in words. */
interface Said {
  readonly words: string;
  readonly bytes: Buffer;
  /** In a failed block. */
  readonly inFailed?: Omit<Said, "inFailed">;
}

const { sync } = Frames;

function execute(most: number, portal = ""): Buffer {
  return frame(Type.execute, cstring(portal), int32(most));
}

function describeStatement(name: string): Buffer {
  return frame(Type.describe, Buffer.from("S"), cstring(name));
}

/** All parameters and results as texts. */
function valuesOf(values: readonly (string | null)[]): Buffer {
  const each = values.map((value) => {
    if (value === null) return int32(-1);
    const bytes = Buffer.from(value);
    return Buffer.concat([int32(bytes.length), bytes]);
  });
  return Buffer.concat([int16(0), int16(values.length), ...each, int16(0)]);
}

/** Messages in any order, about few names: most of them are about what is not there. */
const anyName = fc.constantFrom("", "s", "p");
const loose = fc.oneof(
  fc
    .tuple(anyName, plainStatement)
    .map(([of, text]) => [`Parse ${of} ${text}`, parse(of, text)] as const),
  fc
    .tuple(anyName, anyName)
    .map(([portal, of]) => [`Bind ${portal} ${of}`, bind(portal, of)] as const),
  anyName.map((of) => [`Describe S ${of}`, describeStatement(of)] as const),
  anyName.map((of) => [`Describe P ${of}`, describePortal(of)] as const),
  fc
    .tuple(anyName, fc.constantFrom(0, 1))
    .map(([of, most]) => [`Execute ${of} ${most}`, execute(most, of)] as const),
  anyName.map((of) => [`Close S ${of}`, closeStatement(of)] as const),
  anyName.map((of) => [`Close P ${of}`, frame(Type.close, Buffer.from("P"), cstring(of))] as const),
  fc.constant(["Flush", Frames.flush] as const),
);

function run(text: string): Buffer {
  return Buffer.concat([parse("", text), bind("", ""), describePortal(""), execute(0)]);
}

const simple = statement.map((text) => ({ words: text, bytes: query(text) }));
const several = fc.array(plainStatement, { minLength: 2, maxLength: 3 }).map((texts) => {
  const text = texts.join("; ");
  return { words: text, bytes: query(text) };
});
const extended = statement.map((text) => ({
  words: `[${text}]`,
  bytes: Buffer.concat([run(text), sync]),
}));
const pipelined = fc.tuple(plainStatement, plainStatement).map(([one, two]) => ({
  words: `[${one} | ${two}]`,
  bytes: Buffer.concat([run(one), run(two), sync]),
}));
const prepared = fc
  .tuple(parameterized, parameterValues, parameterValues, fc.boolean(), fc.constantFrom("", "s"))
  .map(([text, first, second, isPart, name]) => {
    // A write that is asked for some of its rows has done all of it, and hides that from what comes next.
    const most = isPart && text.startsWith("select") ? 1 : 0;
    const words = `[${text} <- ${JSON.stringify([first, second])} at most ${most}]`;
    const bytes = Buffer.concat([
      closeStatement(name), parse(name, text), describeStatement(name), bind("", name, valuesOf(first)), execute(most),
      bind("", name, valuesOf(second)), describePortal(""), execute(0), sync,
    ]); // prettier-ignore
    return { words, bytes };
  });
type Message = readonly [words: string, bytes: Buffer];

function inOneWrite(messages: readonly Message[]): Omit<Said, "inFailed"> {
  const words = messages.map(([said]) => said).join(" | ");
  return { words, bytes: Buffer.concat([...messages.map(([, bytes]) => bytes), sync]) };
}

/** What a simple Query leaves of the unnamed portal depends on whether it failed as a plan or when it ran. */
const ofUnnamedPortal = ["Describe P ", "Execute  0", "Execute  1"];
const disorder = fc.array(loose, { minLength: 1, maxLength: 8 }).map((messages) => ({
  ...inOneWrite(messages),
  inFailed: inOneWrite(messages.filter(([words]) => !ofUnnamedPortal.includes(words))),
}));

const said: fc.Arbitrary<Said> = fc
  .oneof(
    { weight: 5, arbitrary: simple },
    { weight: 2, arbitrary: several },
    { weight: 3, arbitrary: extended },
    { weight: 2, arbitrary: pipelined },
    { weight: 3, arbitrary: prepared },
    { weight: 3, arbitrary: disorder },
  )
  .map((one: Said) => ({ ...one, [fc.toStringMethod]: () => one.words }));

const SEED = [
  "insert into a values (1, 10, 100, 1.5, 'tea', true), (2, 20, null, null, null, false), (3, null, -5, 0.125, '', true)",
  `insert into b (id, part, a_id, day, word, x, doc) values (1, 0, 1, '2026-02-28', 'tea', 0.5, '{"k": 1}'), (1, 1, null, null, null, null, '[]')`,
];

const SETTINGS = [
  "set timezone = 'UTC'",
  "set datestyle = 'ISO, MDY'",
  "set extra_float_digits = 1",
  "deallocate all",
];

async function prepare(sides: readonly Transcript[], first: readonly string[]): Promise<void> {
  for (const text of ["rollback", ...SETTINGS, ...first, ...TABLES, ...SEED]) {
    await Promise.all(sides.map((side) => side.say(query(text))));
  }
}

/** Rows come in the order that they lie in, which nobody promises. */
function unordered(heard: readonly string[]): string[] {
  const out: string[] = [];
  for (let from = 0; from < heard.length;) {
    let to = from;
    while (heard[to]?.startsWith("D ") === true) to++;
    out.push(...heard.slice(from, Math.max(to, from + 1)).toSorted());
    from = Math.max(to, from + 1);
  }
  return out;
}

describe("statements that DSQL has no rule of its own for", () => {
  it("are answered as PostgreSQL answers them", { timeout: timeFor(300_000) }, async () => {
    const ours = await Transcript.open({ host: cluster.host, port: cluster.port }, "admin");
    const theirs = await Transcript.open({ path: plain.address.path }, "postgres");
    let first: readonly string[] = [];
    await fc.assert(
      fc.asyncProperty(fc.array(said, { minLength: 4, maxLength: 14 }), async (program) => {
        await prepare([ours, theirs], first);
        first = ["drop table a", "drop table b"];
        let last = "";
        for (const one of program) {
          const { words, bytes } = last === "Z E" ? (one.inFailed ?? one) : one;
          const [got, wanted] = await Promise.all([ours.say(bytes), theirs.say(bytes)]);
          expect([words, ...unordered(got)]).toEqual([words, ...unordered(wanted)]);
          last = wanted.at(-1) ?? "";
        }
      }),
      { numRuns: testRuns(20), seed: drawnSeed },
    );
    ours.end();
    theirs.end();
  });
});
