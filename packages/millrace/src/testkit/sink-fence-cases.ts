import assert from "node:assert/strict";
import type { DeadLetter } from "../model/dead-letter.ts";
import type { SinkCapabilities, Write } from "../model/sink.ts";
import type { TargetTable } from "../model/table.ts";
import { expectRejection } from "./expect-rejection.ts";
import type { SinkBench, SinkCase } from "./sink-bench.ts";
import type { SinkKit } from "./sink-kit.ts";
import { kitContext, printed, put, SinkTask, state } from "./sink-kit.ts";

/** Takeover, state and compare-and-set: what every sink must do (I5, I6). */
export function fenceCases(): readonly SinkCase[] {
  return [
    ["a takeover raises the fence and keeps what the lanes have counted", raisesFence],
    ["a task with an old fence writes neither data nor state", oldFenceWritesNothing],
    ["a task takes over again from itself, and never from one that superseded it", superseded],
    ["a commit makes data, state and lane durable", durableTogether],
    ["a commit that is sent again is not applied again", sentAgain],
    ["state entries are set, replaced and deleted", stateEntries],
    ["pipelines at one sink do not see each other's state", separatePipelines],
    ["dead letters are kept with the commit and go when they are superseded", deadLetters],
  ];
}

/** What a sink with transactions must do besides (I4, I5, I6). */
export function transactionCases(
  kit: SinkKit,
  { maxLanes }: SinkCapabilities,
): readonly SinkCase[] {
  const lost: readonly SinkCase[] = [
    ["a commit whose answer is lost is found done by its lane row", lostAfter],
    ["a commit that was cut off is found undone and can be sent again", lostBefore],
  ];
  const several: readonly SinkCase[] = [
    ["more lanes get rows of their own at the next takeover", growsLanes],
    ["a commit over several lanes raises each of them", severalLanes],
  ];
  return [
    ["of two tasks that take over at once one at most can write", racingTakeovers],
    ["a refused commit leaves data, state and lane as they were", refusedLeavesAll],
    ...(maxLanes > 1 ? several : []),
    ["lanes that have rows of their own commit at the same time", lanesAtOnce],
    ...(kit.loseAnswer === undefined ? [] : lost),
  ];
}

const putPlain = (bench: SinkBench, table: TargetTable, id: string, v: string): Write =>
  put(bench.capabilities, table, [[id, v, null]]);

async function raisesFence(bench: SinkBench): Promise<void> {
  const first = await bench.task();
  await first.commit([], state("a", 1), [0]);
  await first.commit([], state("a", 2), [0]);
  const second = await bench.task();
  assert.ok(second.takeover.fence > first.takeover.fence, "the fence did not grow");
  const seqs = second.takeover.lanes.map(({ lane, seq, fence }) => [lane, seq, fence]);
  const before = new Map(first.takeover.lanes.map(({ lane, seq }) => [lane, seq]));
  assert.ok(
    (second.stamp(0).expectedSeq ?? 0) >= (before.get(0) ?? 0) + 2,
    `lane 0 lost count: ${JSON.stringify(seqs)}`,
  );
  assert.ok(
    second.takeover.lanes.every(({ fence }) => fence === second.takeover.fence),
    "a lane row has an old fence after the takeover",
  );
}

async function growsLanes(bench: SinkBench): Promise<void> {
  await bench.task(2);
  const wider = await bench.task(4);
  const lanes = wider.takeover.lanes.map(({ lane }) => lane).toSorted((a, b) => a - b);
  assert.deepEqual(lanes.slice(0, 4), [0, 1, 2, 3]);
  await wider.commit([], state("a", 1), [3]);
  const narrower = await bench.task(2);
  assert.ok(
    narrower.takeover.lanes.some(({ lane }) => lane === 3),
    "a lane row was deleted",
  );
}

async function oldFenceWritesNothing(bench: SinkBench): Promise<void> {
  const zombie = await bench.task();
  const table = await bench.table(zombie);
  await zombie.commit([putPlain(bench, table, "1", "old")], state("who", "zombie"));
  const heir = await bench.task();
  const late = zombie.commit([putPlain(bench, table, "1", "late")], state("who", "late"));
  await expectRejection(late, "fenced", "unknown-outcome");
  await expectRejection(zombie.commit([], state("who", "late")), "fenced", "unknown-outcome");
  const fences = (await zombie.sink.readLanes()).map(({ fence }) => fence);
  assert.ok(
    fences.every((fence) => fence > zombie.takeover.fence),
    "the lane rows do not tell the zombie that it is one",
  );
  if (bench.kit.lateDataMayLand !== true)
    assert.deepEqual(printed(await bench.kit.readTable(table)), printed([["1", "old", null]]));
  await heir.commit([putPlain(bench, table, "1", "new")]);
  assert.deepEqual(printed(await bench.kit.readTable(table)), printed([["1", "new", null]]));
  const last = await bench.task();
  assert.equal(last.takeover.state.get("who"), "zombie");
}

async function superseded(bench: SinkBench): Promise<void> {
  const old = await bench.task();
  const again = await SinkTask.take(old.sink, bench.pipeline);
  assert.ok(again.takeover.fence > old.takeover.fence, "the fence did not grow");
  const heir = await bench.task();
  await expectRejection(SinkTask.take(old.sink, bench.pipeline), "fenced");
  await heir.commit([], state("who", "heir"));
  const still = await SinkTask.take(heir.sink, bench.pipeline);
  assert.equal(still.takeover.state.get("who"), "heir");
}

async function racingTakeovers(bench: SinkBench): Promise<void> {
  const table = await bench.table(await bench.task());
  const sinks = await Promise.all([bench.open(), bench.open(), bench.open()]);
  const taken = await Promise.allSettled(sinks.map((sink) => SinkTask.take(sink, bench.pipeline)));
  const tasks = taken.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  assert.ok(tasks.length > 0, "nobody took over");
  const fences = new Set(tasks.map(({ takeover }) => takeover.fence));
  assert.equal(fences.size, tasks.length, "a fence was drawn twice");
  const written = await Promise.allSettled(
    tasks.map((task) => task.commit([putPlain(bench, table, String(task.takeover.fence), "x")])),
  );
  assert.ok(written.filter(({ status }) => status === "fulfilled").length <= 1, "two tasks wrote");
  const rows = await bench.kit.readTable(table);
  assert.equal(rows.length, written.filter(({ status }) => status === "fulfilled").length);
}

async function durableTogether(bench: SinkBench): Promise<void> {
  const task = await bench.task();
  const table = await bench.table(task);
  const before = task.stamp(0).expectedSeq;
  await task.commit(
    [putPlain(bench, table, "1", "a")],
    state("frontier/log", { lsn: "0/1", at: [1, null] }),
  );
  const lanes = await task.sink.readLanes();
  assert.equal(lanes.find(({ lane }) => lane === 0)?.seq, before + 1);
  assert.deepEqual(printed(await bench.kit.readTable(table)), printed([["1", "a", null]]));
  const next = await bench.task();
  assert.deepEqual(next.takeover.state.get("frontier/log"), { lsn: "0/1", at: [1, null] });
}

async function refusedLeavesAll(bench: SinkBench): Promise<void> {
  const row = bench.kit.refusedRow;
  if (row === undefined) return;
  const task = await bench.task();
  const table = await bench.table(task);
  const before = task.stamp(0).expectedSeq;
  const writes = [putPlain(bench, table, "1", "good"), put(bench.capabilities, table, [row])];
  await expectRejection(task.commit(writes, state("a", 1)), "row");
  assert.deepEqual(printed(await bench.kit.readTable(table)), []);
  assert.equal((await task.sink.readLanes()).find(({ lane }) => lane === 0)?.seq, before);
  await task.commit([putPlain(bench, table, "2", "after")]);
  assert.deepEqual(printed(await bench.kit.readTable(table)), printed([["2", "after", null]]));
  assert.equal((await bench.task()).takeover.state.get("a"), undefined);
}

async function sentAgain(bench: SinkBench): Promise<void> {
  const task = await bench.task();
  const table = await bench.table(task);
  const commit = task.commitOf([putPlain(bench, table, "1", "first")], state("a", 1));
  await task.sink.commit(commit);
  task.advance(0);
  await task.commit([putPlain(bench, table, "1", "second")], state("a", 2));
  await assert.rejects(task.sink.commit(commit), "an old commit was taken again");
  assert.deepEqual(printed(await bench.kit.readTable(table)), printed([["1", "second", null]]));
  await task.commit([putPlain(bench, table, "1", "third")]);
  assert.equal((await bench.task()).takeover.state.get("a"), 2);
}

async function severalLanes(bench: SinkBench): Promise<void> {
  const task = await bench.task(3);
  const before = new Map((await task.sink.readLanes()).map(({ lane, seq }) => [lane, seq]));
  await task.commit([], state("a", 1), [0, 2]);
  const after = new Map((await task.sink.readLanes()).map(({ lane, seq }) => [lane, seq]));
  const raised = [0, 1, 2].map((lane) => (after.get(lane) ?? 0) - (before.get(lane) ?? 0));
  assert.deepEqual(raised, [1, 0, 1]);
  await task.commit([], state("a", 2), [2]);
}

async function lanesAtOnce(bench: SinkBench): Promise<void> {
  const lanes = Math.min(4, (await bench.open()).capabilities.maxLanes);
  const task = await bench.task(lanes);
  const table = await bench.table(task);
  const work = Array.from({ length: lanes }, async (_, lane) => {
    for (let round = 0; round < 5; round += 1) {
      await task.commit([putPlain(bench, table, `${lane * 10 + round}`, "x")], {}, [lane]);
    }
  });
  await Promise.all(work);
  assert.equal((await bench.kit.readTable(table)).length, lanes * 5);
}

async function stateEntries(bench: SinkBench): Promise<void> {
  const task = await bench.task();
  await task.commit([], {
    state: [
      { key: "a", value: 1 },
      { key: "b", value: { deep: ["x", null, true, 1.5] } },
      { key: "c/with 'quotes\" and é", value: "v" },
    ],
  });
  await task.commit([], {
    state: [
      { key: "a", value: null },
      { key: "b", value: 2 },
      { key: "never there", value: null },
    ],
  });
  await seenByOthers(bench);
  const { state: found } = (await bench.task()).takeover;
  assert.deepEqual(
    [...found].toSorted(([a], [b]) => a.localeCompare(b)),
    [
      ["b", 2],
      ["c/with 'quotes\" and é", "v"],
    ],
  );
}

async function separatePipelines(bench: SinkBench): Promise<void> {
  const task = await bench.task();
  await task.commit([], state("a", 1));
  const sink = bench.kit.makeSink(kitContext(`${bench.pipeline}_other`));
  await sink.open();
  try {
    const other = await SinkTask.take(sink, `${bench.pipeline}_other`);
    assert.equal(other.takeover.state.size, 0);
    await task.commit([], state("a", 2));
  } finally {
    await sink.close();
  }
}

async function lostAfter(bench: SinkBench): Promise<void> {
  const task = await bench.task();
  const table = await bench.table(task);
  await bench.kit.loseAnswer?.(kitContext(bench.pipeline), "after", async (sink, arm) => {
    const shaky = await SinkTask.take(sink, bench.pipeline);
    const before = shaky.stamp(0).expectedSeq;
    arm();
    await expectRejection(shaky.commit([putPlain(bench, table, "1", "a")]), "unknown-outcome");
    const lanes = await sink.readLanes();
    assert.equal(lanes.find(({ lane }) => lane === 0)?.seq, before + 1);
  });
  assert.deepEqual(printed(await bench.kit.readTable(table)), printed([["1", "a", null]]));
}

async function lostBefore(bench: SinkBench): Promise<void> {
  const task = await bench.task();
  const table = await bench.table(task);
  await bench.kit.loseAnswer?.(kitContext(bench.pipeline), "before", async (sink, arm) => {
    const shaky = await SinkTask.take(sink, bench.pipeline);
    const before = shaky.stamp(0).expectedSeq;
    arm();
    await expectRejection(
      shaky.commit([putPlain(bench, table, "1", "a")]),
      "unknown-outcome",
      "transient",
    );
    const lanes = await sink.readLanes();
    assert.equal(lanes.find(({ lane }) => lane === 0)?.seq, before);
    await shaky.commit([putPlain(bench, table, "1", "a")]);
  });
  assert.deepEqual(printed(await bench.kit.readTable(table)), printed([["1", "a", null]]));
}

/** Tasks of a pipeline look at what the others keep, and fence nobody by it. */
async function seenByOthers(bench: SinkBench): Promise<void> {
  const sink = await bench.open();
  if (sink.readDocuments === undefined) return;
  const beside = { pipeline: bench.pipeline, task: "beside-1", lanes: 1 };
  const { fence, lanes } = await sink.takeOver(beside);
  const [lane] = lanes;
  const entry = { key: "table/s.t", value: { n: 1 } };
  const nothing = { writes: [], deadLetters: [], superseded: [] };
  const stamp = { lane: 0, expectedSeq: lane?.seq ?? 0 };
  await sink.commit({ fence, lanes: [stamp], state: [entry], ...nothing });
  const looking = await bench.open();
  const found = await looking.readDocuments?.(bench.pipeline, "table/");
  assert.deepEqual(
    found?.filter(({ task }) => task === "beside-1"),
    [{ task: "beside-1", ...entry }],
  );
  assert.deepEqual(await looking.readDocuments?.(bench.pipeline, "no such key"), []);
  assert.deepEqual(await looking.readDocuments?.("one that never ran", ""), []);
}

/** What is shown while nothing runs, or beside a task that does: a look must not fence it (I5). */
async function looksWithoutTakeover(
  bench: SinkBench,
  expected: readonly DeadLetter[],
): Promise<void> {
  const looking = bench.kit.makeSink(kitContext(bench.pipeline));
  if (looking.readDeadLetters === undefined) return looking.close();
  const task = await bench.task();
  const asked = { pipeline: bench.pipeline, task: "0" };
  try {
    assert.deepEqual(await looking.readDeadLetters(asked), expected);
    assert.deepEqual(
      await looking.readDeadLetters({ pipeline: "one that never ran", task: "0" }),
      [],
    );
  } finally {
    await looking.close();
  }
  await task.commit([]);
}

async function deadLetters(bench: SinkBench): Promise<void> {
  // A source may put any character between the parts of a compound key.
  const task = await bench.task();
  const table = await bench.table(task);
  const letter = (key: string) => ({
    id: `letter-${key.length}`,
    table: table.id,
    target: table.id,
    key,
    keyColumns: { id: key },
    op: "u",
    position: { lsn: "0/16B3748" },
    code: "MR_VALUE_DOES_NOT_FIT",
    reason: 'A value of column "v" is too long.',
    column: "v",
    attempts: 2,
    parkedAtMs: 1_700_000_000_000,
    triedAtMs: 1_700_000_001_000,
  });
  await task.commit([], { deadLetters: [letter("1\u0000a"), letter("2")] });
  const kept = (await bench.task()).takeover.deadLetters;
  assert.deepEqual(
    kept.toSorted((a, b) => a.key.localeCompare(b.key)),
    [letter("1\u0000a"), letter("2")],
  );
  const heir = await bench.task();
  await heir.commit([], { superseded: [{ target: table.id, key: "1\u0000a" }] });
  const left = (await bench.task()).takeover.deadLetters;
  assert.deepEqual(left, [letter("2")]);
  await looksWithoutTakeover(bench, [letter("2")]);
}
