import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { executedGtids } from "./executed-gtids.ts";
import { GtidSet, parseGtid } from "./gtid-set.ts";

const UUIDS = ["3e11fa47-71ca-11e1-9e33-c80aa9429562", "4e11fa47-71ca-11e1-9e33-c80aa9429562:tag"];

describe("what was executed", () => {
  it("is the set of all that passed, in whatever order, whenever it is asked for (property)", () => {
    const gtid = fc.tuple(fc.constantFrom(...UUIDS), fc.integer({ min: 1, max: 40 }));
    fc.assert(
      fc.property(fc.array(gtid, { maxLength: 60 }), fc.nat(59), (gtids, askedAt) => {
        const executed = executedGtids("mysql", `${UUIDS[0]}:50-60`);
        let expected = GtidSet.parse(`${UUIDS[0]}:50-60`);
        for (const [index, [origin, number]] of gtids.entries()) {
          executed.add(`${origin}:${number}`);
          expected = expected.with(parseGtid(`${origin}:${number}`));
          if (index === askedAt) expect(executed.text).toBe(expected.toString());
        }
        expect(executed.text).toBe(expected.toString());
      }),
    );
  });

  it("is the last of each domain on MariaDB, whichever server wrote it", () => {
    const executed = executedGtids("mariadb", "0-1-7,2-1-3");
    for (const gtid of ["0-1-8", "1-5-1", "0-9-9"]) executed.add(gtid);
    expect(executed.text).toBe("0-9-9,1-5-1,2-1-3");
  });
});
