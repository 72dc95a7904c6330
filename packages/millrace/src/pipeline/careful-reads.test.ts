import { expect, it } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import type { Commit } from "../model/sink.ts";
import { UNCHANGED, type Row, type Value } from "../model/value.ts";
import { RowItem } from "./lane-item.ts";
import { oneLane } from "./lane.fixture.ts";
import {
  changeOf,
  instantClock,
  tableOf,
  targetOf,
  transactionOf,
} from "./pipeline-parts.fixture.ts";
import type { Answer } from "./scripted-sink.fixture.ts";
import { SourceReads, type WantedRow } from "./source-reads.ts";

const table = tableOf();
const transaction = transactionOf("t");
const group = { [targetOf(table.shape).id]: "bound" };
const MOVED = 100;

/** A change into the lane: of a new key, or with values left out of the new half of a key change. */
function itemOf(key: string, at: number, moved: boolean): RowItem {
  const [route] = table.routesFor(table.shape);
  if (route === undefined) throw new Error("the table has no route");
  const after: Value[] = [key, moved ? UNCHANGED : "v", "b"];
  const change = moved
    ? changeOf("u", { before: [`old ${key}`, null, null], after }, at, {
        transaction,
        movedFrom: at - 1,
      })
    : changeOf("c", { after }, at, { transaction });
  return new RowItem(moved ? "patch" : "put", table, route, key, after, at, change, 10);
}

/** A constraint refuses these rows, whatever stands before them. */
function refuse({ writes }: Commit): Answer {
  const at = writes.findIndex(
    (write) => write.kind === "upsert" && write.rows.some(([key]) => key === "refused"),
  );
  if (at < 0) return {};
  return {
    land: false,
    error: new MillraceError("MR_SINK_CONSTRAINT", "23503", { facts: { write: at } }),
  };
}

/** A source that has every row, and counts how many are asked for at a time. */
class CountedReads extends SourceReads {
  readonly asked: number[] = [];

  constructor() {
    const never = () => Promise.reject(new Error("not in this test"));
    const source = {} as ConstructorParameters<typeof SourceReads>[0]["source"];
    const { signal } = new AbortController();
    super({
      source,
      clock: instantClock(),
      random: () => 0.5,
      signal,
      maxValueBytes: 1_000,
      writeState: never,
      currentShape: never,
    });
  }

  override read(wanted: readonly WantedRow[]): Promise<Row[]> {
    this.asked.push(wanted.length);
    return Promise.resolve(wanted.map(({ change }) => [change.after?.[0] ?? null, "v", "b"]));
  }
}

it("asks the source for all that an attempt needs at once, and for nothing that one before it has asked for", async () => {
  const reads = new CountedReads();
  const { lane, sink, stop } = oneLane(
    {
      maxRows: 5_000,
      reads,
      waitForOthers: () => Promise.resolve(),
      writeTable: () => Promise.resolve(),
    },
    group,
  );
  sink.capabilities.maxRowsPerCommit = 5_000;
  for (let i = 0; i < 5_000; i++) sink.script.push(refuse);
  for (let i = 0; i < MOVED; i++) lane.push(itemOf(`k${i}`, 10 + i, true));
  lane.push(itemOf("refused", 10 + MOVED, false));
  const running = lane.run();
  await lane.passedSoFar();
  stop.abort();
  await running;
  expect(reads.asked[0]).toBe(MOVED);
  // It is patient for a while, and each time begins anew; one by one it asked some 820 times.
  expect(reads.asked.length).toBeLessThan(30);
});
