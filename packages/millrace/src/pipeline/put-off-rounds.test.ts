import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { tableId } from "../model/table.ts";
import { letterFor } from "./letter.ts";
import { itemOf, shapeOf, tableOf } from "./pipeline-parts.fixture.ts";
import { PUT_OFF } from "./put-off.ts";
import { PutOffRounds } from "./put-off-rounds.ts";
import type { TableRuntime } from "./table-runtime.ts";

/** A table whose rows are in and whose end is passed. */
function loaded(name: string): TableRuntime {
  const shape = { ...shapeOf(), id: tableId("shop", name), name };
  return tableOf(shape, { state: "INIT_SYNC" });
}

/**
 * Rounds over a book that says of each table how many of its rows are put off; `links` are those whose rows decide about one
 * another. A round waits until the test ends it, and says how many it leaves.
 */
function roundsOf(links: readonly (readonly TableRuntime[])[], standing: [TableRuntime, number][]) {
  const counts = new Map(standing.map(([table, count]) => [table.id, count]));
  const played: string[] = [];
  const ends = new Map<string, (left: number) => void>();
  const failures: unknown[] = [];
  /** Looks at the source, and who ends them. */
  const asked: string[][] = [];
  const answers: ((isFound: boolean) => void)[] = [];
  /** Tables whose documents were written. */
  const written: string[] = [];
  const letterOf = (table: TableRuntime, key: number) =>
    letterFor(itemOf(table, "put", [String(key), "v", "b"], 4, "c", table.shape), PUT_OFF, 99);
  const known = [...new Set([...links.flat(), ...standing.map(([table]) => table)])];
  const list = () =>
    known.flatMap((table) =>
      Array.from({ length: counts.get(table.id) ?? 0 }, (_, i) => letterOf(table, i)),
    );
  const came: string[] = [];
  const rounds: PutOffRounds = new PutOffRounds({
    book: {
      list,
      get: () => null,
      arrivals: {
        get newest() {
          for (const { id } of list()) if (!came.includes(id)) came.push(id);
          return came.length;
        },
        numberOf: ({ id }) => (came.includes(id) ? came.indexOf(id) + 1 : Infinity),
      },
      putOffOf: (id) => counts.get(id) ?? 0,
    },
    replay: {
      clear: () => Promise.resolve(),
      replay: async ([letter]) => {
        const table = letter?.table ?? tableId("", "");
        const { name } = nameOf(table);
        played.push(name);
        counts.set(table, await new Promise<number>((resolve) => ends.set(name, resolve)));
        return [];
      },
    },
    order: {
      isReplaceable: () => true,
      linkedWith: (table) =>
        links.filter((all) => all.includes(table)).flatMap((all) => all.filter((t) => t !== table)),
    },
    look: (table) => look(table),
    unlogged: (tables) => {
      asked.push(tables.map(({ id }) => nameOf(id).name));
      return new Promise((resolve) => answers.push(resolve));
    },
    writeTable: (table) => Promise.resolve(void written.push(nameOf(table.id).name)),
    fail: (error) => void failures.push(error),
  });
  /** What a run does with a table whose end is passed. */
  function look(table: TableRuntime): void {
    if (table.early && table.loaded && !rounds.holds(table)) table.update({ state: "SYNC" });
  }
  /** The round that is under way is over. */
  async function end(table: TableRuntime, left: number): Promise<void> {
    const { name } = nameOf(table.id);
    const ending = ends.get(name);
    if (ending === undefined) throw new Error(`no round of ${name} is under way`);
    ends.delete(name);
    ending(left);
    await turn();
  }
  return { rounds, counts, played, look, end, failures, asked, answers, written };
}

function nameOf(id: string): { readonly name: string } {
  return { name: id.split(".").at(-1) ?? id };
}

describe("rows that were put off", () => {
  it("are tried again while they get fewer, and once more for good", async () => {
    const a = loaded("a");
    const { look, end, played } = roundsOf([], [[a, 3]]);
    const last: boolean[] = [];
    look(a);
    for (const left of [2, 2, 2]) {
      await turn();
      last.push(a.lastRound);
      await end(a, left);
    }
    expect({ played, last, state: a.document.state }).toEqual({
      played: ["a", "a", "a"],
      last: [false, false, true],
      state: "SYNC",
    });
  });

  it("wait for the load of a table that theirs is linked with, and go on when that is over", async () => {
    const [parent, child] = [loaded("parent"), loaded("child")];
    parent.update({ allPlanned: false });
    const { look, played } = roundsOf([[parent, child]], [[child, 1]]);
    look(child);
    await turn();
    expect(played).toEqual([]);

    parent.update({ allPlanned: true });
    look(parent); // nothing else moves
    await turn();
    expect(played).toEqual(["child"]);
  });

  it("do not wait for the load of a table without key that is emptied and waits for them", async () => {
    const [parent, child] = [loaded("parent"), loaded("child")];
    child.update({ allPlanned: false });
    const { rounds, look, played } = roundsOf([[parent, child]], [[parent, 1]]);
    look(parent);
    await turn();
    expect(played).toEqual([]);

    child.behindPutOff = true;
    rounds.onBehind(); // nothing else moves
    await turn();
    expect(played).toEqual(["parent"]);
  });

  it("do not wait for rows of a table without key, which go with its load", async () => {
    const parent = loaded("parent");
    const shape = { ...shapeOf(), id: tableId("shop", "child"), name: "child", key: [] };
    const child = tableOf(shape, { state: "INIT_SYNC", allPlanned: false });
    child.behindPutOff = true;
    const links = [[parent, child]];
    const { look, end, played } = roundsOf(links, [
      [parent, 1],
      [child, 1],
    ]);
    look(parent);
    await turn();
    await end(parent, 1);
    await turn();
    expect({ played, last: parent.lastRound }).toEqual({
      played: ["parent", "parent"],
      last: true,
    });
  });

  it("have no last round while those of a linked table may become fewer, and no round in vain meanwhile", async () => {
    const [a, b, c] = [loaded("a"), loaded("b"), loaded("c")];
    c.update({ allPlanned: false });
    const { look, end, played } = roundsOf(
      [
        [a, b],
        [b, c],
      ],
      [
        [a, 1],
        [b, 1],
      ],
    );
    look(b);
    look(a);
    await turn();
    await end(a, 1);
    for (let n = 0; n < 10; n++) {
      look(a);
      await turn();
    }
    expect({ played, last: a.lastRound }).toEqual({ played: ["a"], last: false });

    c.update({ allPlanned: true });
    look(c);
    await turn();
    await end(b, 1);
    await turn();
    expect({ played, last: a.lastRound }).toEqual({ played: ["a", "b", "a", "b"], last: true });
  });

  it("are tried again where those of a linked table became fewer", async () => {
    const [a, b] = [loaded("a"), loaded("b")];
    const { look, end, played } = roundsOf(
      [[a, b]],
      [
        [a, 1],
        [b, 2],
      ],
    );
    look(a);
    look(b);
    await turn();
    await end(a, 1);
    await end(b, 1);
    await turn();
    expect(played.slice(0, 4).toSorted()).toEqual(["a", "a", "b", "b"]);
    expect([a.lastRound, b.lastRound]).toEqual([false, false]);
  });

  it("do not wait for those of a linked table that even its last round could not try", async () => {
    const [a, b] = [loaded("a"), loaded("b")];
    b.update({ state: "SYNC" });
    const { look, end, played } = roundsOf(
      [[a, b]],
      [
        [a, 1],
        [b, 1],
      ],
    );
    look(a);
    for (const left of [1, 1]) {
      await turn();
      await end(a, left);
    }
    expect([played, a.document.state]).toEqual([["a", "a"], "SYNC"]);
  });

  it("that came while their table waited for another one are not tried for the last time at once", async () => {
    const [a, b] = [loaded("a"), loaded("b")];
    const { look, end, counts, played } = roundsOf(
      [[a, b]],
      [
        [a, 1],
        [b, 1],
      ],
    );
    look(b);
    look(a);
    await turn();
    await end(a, 1);
    counts.set(a.id, 2);
    a.putOffs++;
    await end(b, 1);
    await turn();
    expect({ played: played.slice(0, 3), last: a.lastRound }).toEqual({
      played: ["b", "a", "a"],
      last: false,
    });
  });

  it("that came beside a last round have another one", async () => {
    const a = loaded("a");
    const { look, end, counts, played } = roundsOf([], [[a, 1]]);
    look(a);
    await turn();
    await end(a, 1);
    await turn();
    expect(a.lastRound).toBe(true);
    counts.set(a.id, 2);
    a.putOffs++;
    await end(a, 1);
    await turn();
    expect({ played, last: a.lastRound }).toEqual({ played: ["a", "a", "a"], last: false });
    await end(a, 0);
    await turn();
    expect(a.document.state).toBe("SYNC");
  });

  /** Whose rows may have left with a part. */
  function parted(name: string): TableRuntime {
    const table = loaded(name);
    table.parts = { v: 1, identity: table.shape.identity, parts: ["one"] };
    return table;
  }

  it("of tables with parts have their last round behind a look at the source", async () => {
    const [a, b] = [loaded("a"), parted("b")];
    b.update({ state: "SYNC" });
    const { look, end, played, asked, answers } = roundsOf([[a, b]], [[a, 1]]);
    look(a);
    await turn();
    await end(a, 1);
    for (let n = 0; n < 3; n++) look(a);
    await turn();
    expect({ played, asked, last: a.lastRound }).toEqual({
      played: ["a"],
      asked: [["a", "b"]],
      last: false,
    });
    answers[0]?.(false);
    await turn();
    expect({ played, last: a.lastRound }).toEqual({ played: ["a", "a"], last: true });
    await end(a, 1);
    await turn();
    expect({ asked: asked.length, state: a.document.state }).toEqual({ asked: 1, state: "SYNC" });
  });

  it("of tables with parts are known to be given up before they are", async () => {
    const a = parted("a");
    const { look, end, played, answers, written } = roundsOf([], [[a, 1]]);
    look(a);
    await turn();
    await end(a, 1);
    expect({ written, givingUp: a.document.givingUp }).toEqual({
      written: [],
      givingUp: undefined,
    });
    answers[0]?.(false);
    await turn();
    expect({ played, written, givingUp: a.document.givingUp }).toEqual({
      played: ["a", "a"],
      written: ["a"],
      givingUp: true,
    });
  });

  it("that came behind the look have another one", async () => {
    const a = parted("a");
    const { look, end, counts, asked, answers } = roundsOf([], [[a, 1]]);
    look(a);
    await turn();
    await end(a, 1);
    answers[0]?.(false);
    await turn();
    expect(a.lastRound).toBe(true);
    counts.set(a.id, 2);
    a.putOffs++;
    await end(a, 1);
    await turn();
    await end(a, 2);
    await turn();
    expect({ asked: asked.length, last: a.lastRound }).toEqual({ asked: 2, last: false });
  });

  it("have other rounds before them where a linked table begins anew, also behind a last one that left what cannot be tried", async () => {
    const [a, b] = [loaded("a"), loaded("b")];
    b.update({ state: "SYNC" });
    const { rounds, look, end, played } = roundsOf([[a, b]], [[a, 1]]);
    look(a);
    await turn();
    await end(a, 1);
    await turn();
    expect(a.lastRound).toBe(true);

    b.update({ state: "INIT_SYNC", allPlanned: false });
    rounds.beginsAnew(b);
    expect(a.lastRound).toBe(false);
    await end(a, 1);
    look(a);
    await turn();
    expect({ played, state: a.document.state }).toEqual({
      played: ["a", "a"],
      state: "INIT_SYNC",
    });
    b.update({ allPlanned: true });
    look(b);
    await turn();
    expect({ played, last: a.lastRound }).toEqual({ played: ["a", "a", "a"], last: false });
  });

  it("are tried again where a linked table was loaded anew beside their last round", async () => {
    const [a, b] = [loaded("a"), loaded("b")];
    b.update({ state: "SYNC" });
    const { rounds, look, end, played } = roundsOf([[a, b]], [[a, 1]]);
    look(a);
    await turn();
    await end(a, 1);
    await turn();
    b.update({ state: "INIT_SYNC", allPlanned: false });
    rounds.beginsAnew(b);
    b.update({ state: "SYNC", allPlanned: true });
    await end(a, 1);
    await turn();
    expect({ played, last: a.lastRound }).toEqual({ played: ["a", "a", "a"], last: false });
  });

  it("are put off once more where a linked table is found to begin anew when their last round is over", async () => {
    const [a, b] = [loaded("a"), loaded("b")];
    b.update({ state: "SYNC" });
    const { look, end, played } = roundsOf([[a, b]], [[a, 1]]);
    look(a);
    await turn();
    await end(a, 1);
    await turn();
    b.update({ state: "INIT_SYNC", allPlanned: false });
    await end(a, 1);
    expect({ last: a.lastRound, state: a.document.state }).toEqual({
      last: false,
      state: "INIT_SYNC",
    });
    b.update({ allPlanned: true });
    look(b);
    await turn();
    expect({ played, last: a.lastRound }).toEqual({ played: ["a", "a", "a"], last: false });
  });
});
