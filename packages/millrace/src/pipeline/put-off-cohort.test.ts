import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { DeadLetter } from "../model/dead-letter.ts";
import { tableId, type TableId } from "../model/table.ts";
import { DeadLetterBook, TooManyRefused } from "./dead-letter-book.ts";
import { letterFor } from "./letter.ts";
import { itemOf, shapeOf, tableOf } from "./pipeline-parts.fixture.ts";
import { PUT_OFF } from "./put-off.ts";
import { PutOffRounds } from "./put-off-rounds.ts";
import type { TableRuntime } from "./table-runtime.ts";

const REFUSED = { code: "MR_SINK_CONSTRAINT", reason: "23505", column: null };

/** A table in SYNC whose rows may leave with a part. */
function parted(name: string): TableRuntime {
  const shape = { ...shapeOf(), id: tableId("shop", name), name };
  const table = tableOf(shape, { state: "SYNC" });
  table.parts = { v: 1, identity: shape.identity, parts: ["one"] };
  return table;
}

interface Target {
  readonly links?: readonly TableRuntime[];
  readonly policy?: "park" | "fail";
  readonly max?: number;
  /** Whether it takes a row that is read once more. */
  readonly takes?: (letter: DeadLetter) => boolean;
  /** Whether it is read at all. */
  readonly tries?: (letter: DeadLetter) => boolean;
  /** What the log brings beside a round. */
  readonly beside?: (target: Refusing, round: number) => void;
  /** What looks find, in their order. */
  readonly finds?: (look: number) => boolean;
}

/** A target that refuses rows, as lanes meet it: each is put off, tried in rounds, and parked by the last one. */
class Refusing {
  readonly book: DeadLetterBook;
  readonly played: { readonly tried: number; readonly last: boolean }[] = [];
  looks = 0;
  /** Keys of rows that were given up with no look since they were refused. */
  readonly hasty: string[] = [];
  failure: unknown = null;
  readonly #rounds: PutOffRounds;
  readonly #how: Target;
  readonly #looksBefore = new Map<string, number>();
  readonly #tables = new Map<TableId, TableRuntime>();

  constructor(how: Target) {
    this.#how = how;
    const { links = [], policy = "park", max = 100, takes, beside, finds } = how;
    this.book = new DeadLetterBook({ policy, maxPerTable: max, maxShare: 1 }, []);
    this.#rounds = new PutOffRounds({
      book: this.book,
      replay: {
        clear: () => Promise.resolve(),
        replay: async (letters) => {
          await turn();
          const [first] = letters;
          const table = first && this.#tables.get(first.table);
          if (table === undefined) return [];
          this.played.push({ tried: letters.length, last: table.lastRound });
          beside?.(this, this.played.length);
          for (const letter of letters) this.#try(table, letter, takes?.(letter) ?? false);
          return [];
        },
      },
      order: {
        isReplaceable: () => true,
        linkedWith: (table) =>
          links.includes(table) ? links.filter((other) => other !== table) : [],
      },
      look: (table) => this.look(table),
      unlogged: () => {
        this.looks++;
        return Promise.resolve(finds?.(this.looks) ?? false);
      },
      writeTable: () => Promise.resolve(),
      fail: (error) => (this.failure ??= error),
    });
  }

  /** A change of the log is refused. */
  refuses(table: TableRuntime, key: string): void {
    this.#tables.set(table.id, table);
    const item = itemOf(table, "put", [key, "v", "b"], 4, "c", table.shape);
    const earlier = this.book.get(item.route.target.id, key);
    this.book.admit(table.id, PUT_OFF);
    table.putOffs++;
    this.#looksBefore.set(key, this.looks);
    table.update({ state: "INIT_SYNC" });
    this.book.add(letterFor(item, PUT_OFF, 99, earlier));
  }

  /** An earlier run has given it up in a last round, and ended before it looked behind that. */
  wasGivenUp(table: TableRuntime, key: string): void {
    this.#tables.set(table.id, table);
    const item = itemOf(table, "put", [key, "v", "b"], 4, "c", table.shape);
    table.update({ state: "INIT_SYNC", givingUp: true });
    this.book.add(letterFor(item, REFUSED, 99));
  }

  /** Its load begins, and is over at once. */
  loadsAnew(table: TableRuntime): void {
    table.update({ allPlanned: false });
    this.#rounds.beginsAnew(table);
    table.update({ allPlanned: true });
  }

  look(table: TableRuntime): void {
    if (table.early && !this.#rounds.holds(table)) table.update({ state: "SYNC" });
  }

  /** Until the run has failed, or nothing is put off. */
  async play(maxTurns: number): Promise<void> {
    const { links = [] } = this.#how;
    for (let i = 0; i < maxTurns && this.failure === null; i++) {
      for (const table of new Set([...links, ...this.#tables.values()])) this.look(table);
      await turn();
    }
  }

  #try(table: TableRuntime, letter: DeadLetter, isTaken: boolean): void {
    if (this.#how.tries?.(letter) === false) return;
    const now = this.book.get(letter.target, letter.key);
    if (now === null || now.attempts !== letter.attempts) return;
    if (isTaken) return this.book.remove(letter.target, letter.key);
    const why = table.givesUp(letter.target, letter.key) ? REFUSED : PUT_OFF;
    if (why === REFUSED) this.book.admit(table.id, why);
    if (why === REFUSED && this.#looksBefore.get(letter.key) === this.looks)
      this.hasty.push(letter.key);
    this.book.add({ ...letter, ...why, attempts: now.attempts + 1 });
  }
}

const TURNS = 3_000;

describe("rows beside parts that keep being refused", () => {
  /** A row of its own is refused beside each round. */
  const endless =
    (table: TableRuntime) =>
    (target: Refusing, round: number): void =>
      target.refuses(table, `new ${round}`);

  it("fail the pipeline where dead letters do, though there is another one beside each round", async () => {
    const table = parted("orders");
    const target = new Refusing({ policy: "fail", beside: endless(table) });
    target.refuses(table, "first");
    await target.play(TURNS);
    expect(target.failure).toMatchObject({ code: "MR_DEAD_LETTER_LIMIT" });
    expect(target.played.length).toBeLessThan(10);
    expect(target.looks).toBeGreaterThan(0);
  });

  it("stop their table where they are too many, and all that stand are not tried for ever", async () => {
    const table = parted("orders");
    const target = new Refusing({ max: 50, beside: endless(table) });
    target.refuses(table, "first");
    await target.play(TURNS);
    expect(target.failure).toBeInstanceOf(TooManyRefused);
    expect(Math.max(...target.played.map(({ tried }) => tried))).toBeLessThan(20);
    expect(target.played.length).toBeLessThan(100);
  });

  it("are given up also where it is one row, refused again beside each round", async () => {
    const table = parted("orders");
    const target = new Refusing({
      policy: "fail",
      beside: (of, round) => {
        of.refuses(table, "hot");
        of.refuses(table, `new ${round}`);
      },
    });
    target.refuses(table, "hot");
    await target.play(TURNS);
    expect(target.failure).toMatchObject({ code: "MR_DEAD_LETTER_LIMIT" });
  });

  it("are given up where those of a linked table are taken in every round", async () => {
    const [bad, good] = [parted("bad"), parted("good")];
    const target = new Refusing({
      links: [bad, good],
      policy: "fail",
      beside: (of, round) => of.refuses(good, `new ${round}`),
      takes: ({ table }) => table === good.id,
    });
    target.refuses(good, "first");
    target.refuses(bad, "first");
    await target.play(TURNS);
    expect(target.failure).toMatchObject({ code: "MR_DEAD_LETTER_LIMIT" });
    expect(target.played.length).toBeLessThan(50);
  });

  it("are not given up in a last round that they came behind", async () => {
    const table = parted("orders");
    const target = new Refusing({
      beside: (of, round) => {
        if (round < 12) of.refuses(table, `new ${round}`);
      },
      // While the source is looked at: the look may have been before.
      finds: (look) => {
        if (look < 4) target.refuses(table, `beside look ${look}`);
        return false;
      },
    });
    target.refuses(table, "first");
    await target.play(200);
    expect(target.failure).toBeNull();
    expect(target.looks).toBeGreaterThan(3);
    expect(target.hasty).toEqual([]);
    expect([target.book.putOffOf(table.id), target.book.countOf(table.id)]).toEqual([0, 15]);
    expect(table.document.state).toBe("SYNC");
  });

  it("are read once more behind a last round of a run that ended before it had looked", async () => {
    for (const isTaken of [true, false]) {
      const table = parted("orders");
      const target = new Refusing({ takes: () => isTaken });
      target.wasGivenUp(table, "first");
      await target.play(50);
      expect([target.looks > 0, target.played.length > 0]).toEqual([true, true]);
      expect([target.book.putOffOf(table.id), target.book.countOf(table.id)]).toEqual([
        0,
        isTaken ? 0 : 1,
      ]);
      expect(table.document.state).toBe("SYNC");
    }
  });

  it("are read once more where a part has left beside their last round", async () => {
    const table = parted("orders");
    const found: number[] = [];
    const target = new Refusing({
      // The look before the last round finds nothing, the one behind it what has left since.
      finds: (look) => look === 2 && found.push(look) > 0,
      takes: () => found.length > 0,
    });
    target.refuses(table, "first");
    await target.play(50);
    expect(found).toEqual([2]);
    expect([target.book.size, table.document.state]).toEqual([0, "SYNC"]);
  });

  it("are put off again where a part has left beside their last round and is not what refuses them", async () => {
    const table = parted("orders");
    const target = new Refusing({ finds: (look) => look === 2 });
    target.refuses(table, "first");
    await target.play(50);
    const [last = 0, ...others] = target.played.flatMap(({ last: is }, i) => (is ? [i] : []));
    expect(target.played[last + 1]?.last).toBe(false);
    expect(others.length).toBe(1);
    expect([target.book.putOffOf(table.id), target.book.countOf(table.id)]).toEqual([0, 1]);
    expect(table.document.state).toBe("SYNC");
  });

  it("are given up in the end also where they came behind those that even a last round cannot try", async () => {
    const table = parted("orders");
    const target = new Refusing({
      tries: ({ key }) => !key.startsWith("gone"),
      // The first four join those that are there, and the fifth is for the next ones.
      beside: (of, round) => {
        if (round <= 5) of.refuses(table, round === 5 ? "late" : `gone ${round}`);
      },
    });
    target.refuses(table, "gone");
    await target.play(200);
    expect([target.book.putOffOf(table.id), target.book.countOf(table.id)]).toEqual([5, 1]);
    expect(table.document.state).toBe("SYNC");
  });

  it("are read once more where a load began beside their last round", async () => {
    const table = parted("orders");
    let isAnew = false;
    const target = new Refusing({
      takes: () => {
        if (isAnew) return true;
        if (table.lastRound) void Promise.resolve().then(() => target.loadsAnew(table));
        isAnew = table.lastRound;
        return false;
      },
    });
    target.refuses(table, "first");
    await target.play(50);
    expect([isAnew, target.book.size, table.document.state]).toEqual([true, 0, "SYNC"]);
  });
});
