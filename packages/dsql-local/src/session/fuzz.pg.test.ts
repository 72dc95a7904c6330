/** Whatever bytes come: no connection hangs, none hears of another's, and the cluster goes on. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import fc from "fast-check";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testRuns, timeFor } from "../../../../test/support/test-runs.ts";
import { startDsqlLocal, type DsqlLocal } from "../index.ts";
import { Clients } from "../testing/clients.ts";
import { statement } from "../testing/statements.ts";
import { bind, closeStatement, describePortal, execute, parse } from "../wire/extended.ts";
import { copyFail, cstring, frame, Frames, int16, int32, query, Type } from "../wire/messages.ts";
import { sslRequest, startupPacket } from "../wire/startup.ts";

/** In a row that is never committed, in a parameter and in a refused statement of the neighbour. */
const SECRET = "the-neighbours-own";
/** Longer than anything takes. */
const SILENCE_MS = 20_000;

let cluster: DsqlLocal;
let secured: DsqlLocal;
let neighbour: pg.Client;
const clients = new Clients(() => cluster);

beforeAll(async () => {
  cluster = await startDsqlLocal({ tls: "off" });
  secured = await startDsqlLocal({ auth: "iam" });
  neighbour = await clients.connect();
  await neighbour.query("create table own (id int primary key, note text)");
  await neighbour.query("create table fed (id int primary key, note text)");
  await neighbour.query("begin");
  await neighbour.query("insert into own values (1, $1)", [SECRET]);
});
afterAll(async () => {
  await clients.close();
  await cluster.stop();
  await secured.stop();
});

const STARTUP = startupPacket(
  new Map([
    ["user", "admin"],
    ["database", "postgres"],
    ["application_name", "fuzz"],
  ]),
);
const PASSWORD = frame(Type.password, cstring("any"));
/** Ends whatever came before it, unless that broke the stream of messages; then the server has to end the connection. */
const PROBE = Buffer.concat([Frames.sync, query("select 'still here'"), frame(Type.terminate)]);

/**
 * Sends chunks and gives all that the server said before it closed: by itself where the last of them says so (`leaves`), else
 * when it has heard that no more will come.
 */
async function attack(to: DsqlLocal, chunks: readonly Buffer[], leaves = false): Promise<string> {
  const socket: Socket = connect({ host: to.host, port: to.port });
  const heard: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => heard.push(chunk));
  socket.on("error", () => {});
  const closed = once(socket, "close");
  for (const chunk of chunks) {
    socket.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (!leaves) socket.end();
  const silence = setTimeout(() => socket.destroy(new Error("hung")), SILENCE_MS);
  await closed;
  clearTimeout(silence);
  if (socket.errored?.message === "hung") heard.push(Buffer.from("hung"));
  return Buffer.concat(heard).toString("latin1");
}

async function expectUnharmed(heard: string): Promise<void> {
  expect(heard).not.toMatch(/the-neighbours-own|hung$/);
  const { rows } = await neighbour.query("select note from own where id = $1", [1]);
  expect(rows).toEqual([{ note: SECRET }]);
}

const anyName = fc.constantFrom("", "s", "p", "naïve\0", "x".repeat(70));
const anyText = fc.oneof(statement, fc.string({ unit: "binary", maxLength: 40 }));
const anyCopy = fc.constantFrom(
  "copy fed from stdin",
  "copy fed (id) from stdin with csv header",
  "copy fed from stdin (format binary)",
  "copy fed to stdout",
);
const anyBytes = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const anyCount = fc.constantFrom(0, 1, 2, 255, 32_767, 65_535);
const anyLength = fc.constantFrom(-1, -2, 0, 1, 5, 1 << 20, 0x7fffffff, -0x80000000);

/** Parameters whose counts and lengths are about what is not there. */
const anyValues = fc
  .tuple(anyCount, anyCount, anyLength, anyBytes)
  .map(([formats, values, length, bytes]) =>
    Buffer.concat([int16(formats), int16(values), int32(length), bytes]),
  );

/** Well-formed in themselves, most of them senseless. */
const message: fc.Arbitrary<Buffer> = fc.oneof(
  anyText.map(query),
  fc.tuple(anyName, anyText).map(([name, text]) => parse(name, text)),
  fc.tuple(anyName, anyText, anyBytes).map(([name, text, types]) => parse(name, text, types)),
  fc.tuple(anyName, anyName).map(([portal, name]) => bind(portal, name)),
  fc.tuple(anyName, anyName, anyValues).map(([portal, name, values]) => bind(portal, name, values)),
  anyName.map(execute),
  anyName.map(describePortal),
  anyName.map(closeStatement),
  fc
    .tuple(fc.constantFrom(..."DCEHScdfFp!\0"), anyBytes)
    .map(([type, body]) => frame(type.charCodeAt(0), body)),
  fc.constant(Frames.sync),
  fc.constant(Frames.flush),
  anyCopy.map(query),
  anyCopy.map((text) => Buffer.concat([parse("", text), bind("", ""), execute(""), Frames.sync])),
  fc
    .oneof(anyBytes, fc.constant(Buffer.from("1\tnote\n")))
    .map((data) => frame(Type.copyData, data)),
  fc.constant(Frames.copyDone),
  fc.constant(copyFail("enough")),
);

/** With bytes changed, left out and put in, lengths among them. */
const damaged = fc
  .tuple(
    message,
    fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom("set", "cut", "put")), {
      maxLength: 3,
    }),
  )
  .map(([whole, damages]) => damages.reduce(damage, whole));

function damage(bytes: Buffer, [place, value, how]: readonly [number, number, string]): Buffer {
  const at = place % (bytes.length + 1);
  const rest = how === "put" ? bytes.subarray(at) : bytes.subarray(at + 1);
  const put = how === "cut" ? [] : [Buffer.from([value])];
  return Buffer.concat([bytes.subarray(0, at), ...put, rest]);
}

/** The same bytes in pieces of any size. */
const cuts = fc.array(fc.nat(), { maxLength: 4 });

function inPieces(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted(
    (a, b) => a - b,
  );
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

describe("messages in any order, with anything in them", () => {
  const timeout = timeFor(60_000);

  it("are answered as long as they are messages", { timeout }, async () => {
    const whole = fc.array(message.filter(isHarmless), { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(whole, cuts, async (messages, places) => {
        const bytes = Buffer.concat([STARTUP, PASSWORD, ...messages, PROBE]);
        const heard = await attack(cluster, inPieces(bytes, places), true);
        // What came before may have left a failed block behind.
        expect(heard).toMatch(/still here|C08P01|C25P02/);
        await expectUnharmed(heard);
      }),
      { numRuns: testRuns(40) },
    );
  });

  it(
    "end the connection at the latest with its bytes, when they are damaged",
    { timeout },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(damaged, { minLength: 1, maxLength: 6 }),
          cuts,
          async (messages, places) => {
            const bytes = Buffer.concat([STARTUP, PASSWORD, ...messages, PROBE]);
            await expectUnharmed(await attack(cluster, inPieces(bytes, places)));
          },
        ),
        { numRuns: testRuns(40) },
      );
    },
  );

  it(
    "end the connection at the latest with its bytes, when they come before it is open",
    { timeout },
    async () => {
      const opening = fc.constantFrom(
        STARTUP,
        sslRequest,
        PASSWORD,
        Buffer.concat([STARTUP, PASSWORD]),
      );
      const early = fc.array(fc.oneof(anyBytes, fc.tuple(opening, fc.nat(), fc.nat(255)).map(([bytes, place, value]) =>
      damage(bytes, [place, value, "set"]))), { minLength: 1, maxLength: 3 }); // prettier-ignore
      await fc.assert(
        fc.asyncProperty(early, cuts, fc.boolean(), async (parts, places, isSecured) => {
          const to = isSecured ? secured : cluster;
          await expectUnharmed(await attack(to, inPieces(Buffer.concat(parts), places)));
        }),
        { numRuns: testRuns(40) },
      );
    },
  );
});

/** Ends the connection rightly. */
function isHarmless(bytes: Buffer): boolean {
  return bytes[0] !== Type.terminate;
}
