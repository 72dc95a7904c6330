import { describe, expect, it } from "vitest";
import { UNCHANGED } from "../../model/value.ts";
import { LoggedDatabase, said } from "./log.fixture.ts";

describe.each([18, 13] as const)("the log of PostgreSQL %i", (version) => {
  it("gives inserts, updates, deletes and key changes in order, with their transactions", async () => {
    await using db = await LoggedDatabase.shared(version);
    await db.run("CREATE TABLE t (id bigint PRIMARY KEY, v text, b boolean, x bytea)");
    await db.capture();
    await db.run(
      "BEGIN; INSERT INTO t VALUES (1, 'ä', true, '\\x00ff'), (2, NULL, false, NULL); UPDATE t SET v = 'b' WHERE id = 1; COMMIT",
      "UPDATE t SET id = 3 WHERE id = 1",
      "DELETE FROM t WHERE id = 3",
    );
    const items = await db.read();
    expect(items.map(said)).toEqual([
      ["c", "t", null, ["1", "ä", true, new Uint8Array([0, 255])]],
      ["c", "t", null, ["2", null, false, null]],
      ["u", "t", null, ["1", "b", true, new Uint8Array([0, 255])]],
      [
        "move",
        "t",
        ["1", UNCHANGED, UNCHANGED, UNCHANGED],
        ["3", "b", true, new Uint8Array([0, 255])],
      ],
      ["d", "t", ["3", UNCHANGED, UNCHANGED, UNCHANGED], null],
    ]);
    const ids = items.map((item) => item.transaction?.id);
    expect(new Set(ids.slice(0, 3)).size).toBe(1);
    expect(new Set(ids).size).toBe(3);
  });
});
