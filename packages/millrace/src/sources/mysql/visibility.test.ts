import { describe, expect, it } from "vitest";
import { GtidSet } from "./gtid-set.ts";
import { mariaDbTransaction, xaTransaction } from "./transaction-id.ts";
import { Visibility } from "./visibility.ts";

const XID = "X'78',X'',1";
const plain = {
  id: mariaDbTransaction({ domain: 0, server: 1, sequence: 7 }, { file: 3, at: 500 }),
  commitTimeMs: 0,
};
const { id: xa } = xaTransaction(plain, XID);

describe("an XA COMMIT of MariaDB", () => {
  it.each([
    ["is seen before the end that was read first, once it is not listed", 900, [], true],
    ["is not seen while it is listed", 900, [XID], false],
    ["is not seen behind that end", 400, [], false],
  ])("%s", (_what, at, except, seen) => {
    const before = { file: 3, at: 1_000 };
    const visibility = Visibility.of(GtidSet.EMPTY, before, { before: { file: 3, at }, except });
    for (const told of [visibility, Visibility.ofToken(visibility.token)])
      expect([told.sees(plain.id), told.sees(xa)]).toEqual([true, seen]);
  });
});
