import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import type { Commit, Write } from "../model/sink.ts";
import { tableId } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { RestartNeeded } from "./committer.ts";
import { ConstraintOrder } from "./constraint-order.ts";
import type { Lane } from "./lane.ts";
import { LaneChoice } from "./lane-choice.ts";
import { RowItem } from "./lane-item.ts";
import { oneLane } from "./lane.fixture.ts";
import {
  changeOf,
  itemOf,
  shapeOf,
  tableOf,
  targetOf,
  transactionOf,
} from "./pipeline-parts.fixture.ts";
import { isPutOff } from "./put-off.ts";
import type { Answer } from "./scripted-sink.fixture.ts";

const table = tableOf();
const loadingShape = { ...shapeOf(), id: tableId("shop", "other"), name: "other", identity: "2" };
const loading = tableOf(loadingShape, { state: "INIT_SYNC" });
const again = tableOf(table.shape, { state: "INIT_SYNC" });
const GROUPS = Object.fromEntries(
  [table.shape, loadingShape].map((shape) => [targetOf(shape).id, targetOf(shape).id]),
);

/** A row of the exchange, `v` its unique value. */
function half(key: string, v: string, at: number, of = table): RowItem {
  const [route] = of.routesFor(of.shape);
  if (route === undefined) throw new Error("the table has no route");
  const values = [key, v, "b"];
  const made = changeOf("u", { after: values }, at, { transaction: transactionOf("t") });
  return new RowItem("put", of, route, key, values, at, made, 10);
}

const loadRow = (key: string) => itemOf(loading, "put", [key, "v", "b"], null, "r", loading.shape);
const end = () =>
  ({
    kind: "mark",
    seq: 1,
    position: 2,
    acknowledge: 2,
    sourceTimeMs: null,
    endsTransaction: true,
  }) as const;

const targetIdOf = (write: Write) => ("table" in write ? write.table.id : null);

/** A target whose second column is unique, with the rows of `table`. */
class UniqueTarget {
  rows = new Map([
    ["x", "1"],
    ["y", "2"],
  ]);
  readonly letters: string[] = [];

  answer = (commit: Commit): Answer => {
    const next = new Map(this.rows);
    const collides = () => new Set(next.values()).size < next.size;
    const puts = ([key, v]: Row) => next.set(String(key), String(v)) && collides();
    for (const [i, write] of commit.writes.entries()) {
      if (targetIdOf(write) !== targetOf(table.shape).id) continue;
      if (write.kind === "delete") for (const [key] of write.keys) next.delete(String(key));
      if (write.kind === "upsert" && write.rows.some(puts))
        return { land: false, error: refusal(i) };
    }
    this.rows = next;
    this.letters.push(...commit.deadLetters.map(({ key, code }) => `${key} ${code}`));
    return {};
  };
}

function refusal(write: number): MillraceError {
  return new MillraceError("MR_SINK_CONSTRAINT", "23505", { facts: { write } });
}

/** Nobody is waited for. */
const AT_ONCE = {
  waitForOthers: () => Promise.resolve(),
  writeTable: () => Promise.resolve(),
};

/** Plays what enters a lane until all of it is durable. */
async function play(enter: (lane: Lane) => void | Promise<void>, maxRows = 10) {
  const target = new UniqueTarget();
  const { lane, sink, stop } = oneLane({ maxRows, ...AT_ONCE }, GROUPS);
  sink.capabilities.maxRowsPerCommit = 20;
  for (let i = 0; i < 1_000; i++) sink.script.push(target.answer);
  const entered = enter(lane);
  const running = lane.run();
  await entered;
  await lane.passedSoFar();
  stop.abort();
  await running;
  return { rows: Object.fromEntries(target.rows), letters: target.letters, sink };
}

const EXCHANGED = { rows: { x: "2", y: "1" }, letters: [] };

describe("an exchange of unique values that constraints allow at its end", () => {
  it("is one transaction though a row of another table's load came between its halves", async () => {
    const played = await play((lane) => {
      lane.push(half("x", "2", 1));
      lane.pushLoad(loadRow("k"));
      lane.push(half("y", "1", 2));
      lane.push(end());
    });
    expect(played).toMatchObject(EXCHANGED);
  });

  it("is one transaction though more rows of a load came between them than a transaction takes", async () => {
    const played = await play((lane) => {
      lane.push(half("x", "2", 1));
      for (let i = 0; i < 50; i++) lane.pushLoad(loadRow(`k${i}`));
      lane.push(half("y", "1", 2));
      lane.push(end());
    });
    expect(played).toMatchObject(EXCHANGED);
  });

  it("keeps a row of a load behind the change of its key, in the transaction of both", async () => {
    const [route] = again.routesFor(again.shape);
    if (route === undefined) throw new Error("the table has no route");
    const read = changeOf("r", { after: ["x", "2", "b"] }, null);
    const played = await play((lane) => {
      lane.push(half("x", "2", 1));
      lane.pushLoad(new RowItem("put", again, route, "x", ["x", "2", "b"], null, read, 10));
      lane.push(half("y", "1", 2));
      lane.push(end());
    });
    expect(played).toMatchObject(EXCHANGED);
  });

  it("is put off and no dead letter where a barrier drains the lane in its middle", async () => {
    const fresh = tableOf();
    const played = await play(async (lane) => {
      lane.push(half("x", "2", 1, fresh));
      await lane.passedSoFar({ stands: true });
      lane.push(half("y", "1", 2, fresh));
      lane.push(end());
    });
    expect(fresh.document.state).toBe("INIT_SYNC");
    expect(fresh.putOffs).toBe(2);
    expect(played).toMatchObject({
      rows: { x: "1", y: "2" },
      letters: ["x MR_ROW_PUT_OFF", "y MR_ROW_PUT_OFF"],
    });
  });

  it("is given up where all of it is refused", async () => {
    const fresh = tableOf();
    const played = await play((lane) => {
      lane.push(half("x", "2", 1, fresh));
      lane.push(end());
    });
    expect(fresh.document.state).toBe("SYNC");
    expect(played).toMatchObject({ letters: ["x MR_SINK_CONSTRAINT"] });
  });

  it("is put off where its rest never comes, though rows of a load come all the time", async () => {
    let left = 500;
    const { lane, sink, stop } = oneLane(AT_ONCE, GROUPS);
    const putOff = Promise.withResolvers<number>();
    const answer = ({ writes, deadLetters }: Commit): Answer => {
      if (left > 0) lane.pushLoad(loadRow(String(left--)));
      if (deadLetters.some(isPutOff)) putOff.resolve(left);
      const isOfLog = writes.some((write) => targetIdOf(write) === targetOf(table.shape).id);
      return isOfLog ? { land: false, error: refusal(0) } : {};
    };
    for (let i = 0; i < 5_000; i++) sink.script.push(answer);
    lane.push(half("x", "2", 1, tableOf()));
    lane.pushLoad(loadRow("first"));
    const running = lane.run();
    expect(await putOff.promise).toBeGreaterThan(400);
    left = 0;
    await lane.passedSoFar();
    stop.abort();
    await running;
  });
});

describe("a row that a constraint refuses for good", () => {
  it("is put off while a table that it is linked with is in INIT_SYNC", async () => {
    const fresh = tableOf();
    const groups = Object.fromEntries(Object.keys(GROUPS).map((id) => [id, "one"]));
    const all = new Map([fresh, loading].map((one) => [one.id, one]));
    const order = new ConstraintOrder(new Map(), new LaneChoice(1, groups), all);
    const target = new UniqueTarget();
    const { lane, sink, stop } = oneLane({ ...AT_ONCE, order }, groups);
    for (let i = 0; i < 1_000; i++) sink.script.push(target.answer);
    lane.push(half("x", "2", 1, fresh));
    lane.push(end());
    const running = lane.run();
    await lane.passedSoFar();
    stop.abort();
    await running;
    expect(target.letters).toEqual(["x MR_ROW_PUT_OFF"]);
  });
});

describe("a row that a constraint refuses which is newer than the run", () => {
  it("is a dead letter where the source cannot be asked for it again", async () => {
    const target = new UniqueTarget();
    const { lane, sink, stop } = oneLane({ ...AT_ONCE }, {}, undefined, undefined, true);
    for (let i = 0; i < 100; i++) sink.script.push(target.answer);
    const running = lane.run();
    lane.push(half("x", "2", 1));
    lane.push(end());
    await lane.passedSoFar();
    stop.abort();
    await running;
    expect(target.letters).toEqual(["x MR_SINK_CONSTRAINT"]);
  });

  it("has the run begin anew where it has no key, which nobody could read again by", async () => {
    const bag = tableOf(shapeOf(undefined, []));
    const { lane, sink } = oneLane(AT_ONCE);
    sink.checkTable = () => Promise.resolve({ created: false, notices: [], secondaryUnique: true });
    const givenUp = Promise.withResolvers<string>();
    const refused = ({ writes, deadLetters }: Commit): Answer => {
      if (deadLetters.length > 0) givenUp.resolve("it is given up");
      return writes.length === 0 ? {} : { land: false, error: refusal(0) };
    };
    for (let i = 0; i < 100; i++) sink.script.push(refused);
    lane.push(itemOf(bag, "append", ["m", "x", "2", "b"], 1, "c", bag.shape));
    lane.push(end());
    await expect(Promise.race([lane.run(), givenUp.promise])).rejects.toThrow(RestartNeeded);
  });
});
