import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Origin, SourceBlock } from "../model/source-block.ts";
import { MysqlSourceBlock } from "../sources/mysql/source-block.ts";
import { PostgresSourceBlock } from "../sources/postgres/source-block.ts";
import { ByteWriter } from "./byte-writer.ts";
import { SourceJson } from "./source-json.ts";

const NAMES = { serverName: "shop", version: "1" };
const GROUPS = [1, 2].map((file) => ({ file, at: 4, era: 0, n: file, hash: 0, gtid: `u:${file}` }));
const TRANSACTIONS = [
  { id: "779@0/20CC0A0", commitTimeMs: 1_766_925_059_528.75 },
  { id: "780@0/20CC0B0", commitTimeMs: 1_766_925_059_529 },
];
const SERVER = { connector: "mysql", logName: "binlog", serverId: 7 } as const;
const OPS = ["r", "c", "u"] as const;

/** Of all that may follow one another in a table's messages. */
const drawn = fc.array(
  fc.record({
    op: fc.constantFrom(...OPS),
    transaction: fc.constantFrom(null, ...TRANSACTIONS),
    place: fc.option(fc.integer({ min: 0, max: 20 }), { nil: null }),
    nowMs: fc.constantFrom(1, 2),
  }),
  { minLength: 2, maxLength: 12 },
);

const cases: readonly (readonly [
  string,
  SourceBlock,
  (group: number, place: number) => unknown,
])[] = [
  [
    "PostgreSQL",
    new PostgresSourceBlock(NAMES, "db"),
    (group, place) => [100 + group, 50 + place, place],
  ],
  ["MySQL", new MysqlSourceBlock(NAMES, () => SERVER), (group, place) => [GROUPS[group], 1, place]],
];

describe.each(cases)("the source block of a message from %s", (_name, block, positionOf) => {
  const text = (json: SourceJson, origin: Origin): string => {
    const out = new ByteWriter();
    json.write(origin, out);
    return out.written().toString();
  };

  it("says nothing of the change before it, whichever that was", () => {
    fc.assert(
      fc.property(drawn, (changes) => {
        const kept = new SourceJson(block);
        for (const { op, transaction, place, nowMs } of changes) {
          // A transaction's changes are of its group.
          const group = transaction === TRANSACTIONS[1] ? 1 : 0;
          const position = place === null ? null : positionOf(group, place);
          const origin = {
            schema: "s",
            table: "t",
            op,
            position,
            transaction,
            nowMs,
          } as Origin;
          const alone = text(new SourceJson(block), origin);
          expect(text(kept, origin)).toBe(alone);
          expect(JSON.parse(alone)).toMatchObject({ table: "t" });
        }
      }),
    );
  });
});
