import { describe, expect, it } from "vitest";
import { silentLogger } from "../model/ports.ts";
import type { Source } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import { ByteBudget } from "./byte-budget.ts";
import { Committer, RestartNeeded } from "./committer.ts";
import { makeTargets, meetLostTargets } from "./lost-targets.ts";
import { deafObserver } from "./observer.ts";
import {
  instantClock,
  plainRouter,
  settingsOf,
  shapeOf,
  tableOf,
  targetOf,
} from "./pipeline-parts.fixture.ts";
import { ScriptedSink } from "./scripted-sink.fixture.ts";
import {
  entry,
  loadState,
  stateKey,
  type IntentDocument,
  type TableDocument,
} from "./state-documents.ts";
import type { TaskParts } from "./task-api.ts";

const shape = shapeOf();
const TARGET = targetOf(shape).id;
const KNOWN = { home: "1", ids: { [TARGET]: "100" } };

/** A sink whose state lies in `home`, and whose targets are those of `ids`. */
class Telling extends ScriptedSink {
  home = "1";
  ids = new Map<TableId, string>([[TARGET, "100"]]);
  identifyTargets = () => Promise.resolve({ home: this.home, ids: new Map(this.ids) });
}

/** The start of a run that finds one table by a document like `part`. */
function startOf(
  part: Partial<TableDocument> = {},
  settings: Parameters<typeof settingsOf>[0] = {},
  intent: IntentDocument | null = null,
) {
  const sink = new Telling();
  const clock = instantClock();
  const signal = new AbortController().signal;
  const told: string[] = [];
  const observer = {
    ...deafObserver,
    event: (event: { readonly type: string; readonly message?: string }) =>
      void told.push(`${event.type}: ${event.message ?? ""}`),
  };
  const ports = { sink, clock, random: () => 0.5, observer, signal };
  const committer = new Committer(ports, 7, sink.lanes);
  const source: Partial<Source> = {};
  const parts: TaskParts = {
    ...ports,
    pipeline: "shop",
    log: silentLogger,
    source: source as Source,
    router: plainRouter,
    settings: settingsOf(settings),
    budget: new ByteBudget(10_000),
  };
  const table = tableOf(shape, { rowsLoaded: 5, nextChunk: 1, targetIds: KNOWN, ...part });
  const tables = new Map([[table.id, table]]);
  const stored = entry(stateKey.table(table.id), table.document);
  const state = { ...loadState(new Map([[stored.key, stored.value]])), intent };
  const takeover = { fence: 7, lanes: [], state: new Map(), deadLetters: [] };
  const found = { state, discovered: [], tables, takeover };
  return {
    sink,
    table,
    told,
    meet: () => meetLostTargets(parts, found, committer),
    keep: async (created: boolean) => {
      const before = await meetLostTargets(parts, found, committer);
      sink.checkTable = () => Promise.resolve({ created, notices: [], secondaryUnique: false });
      await makeTargets(parts, tables, before, committer, new AbortController().signal);
    },
  };
}

function intentOf(kind: IntentDocument["kind"]): IntentDocument {
  const place = { position: 1, acknowledge: null, unseen: [], tag: "1" };
  const shapes = { shape, previous: shape, rewritten: [], aheadOfLog: false };
  return { v: 1, kind, table: shape.id, ...place, ...shapes };
}

async function expectAnew(ids: Map<TableId, string>, words: RegExp): Promise<void> {
  const { sink, table, told, meet } = startOf();
  sink.ids = ids;
  await meet();
  const { state, allPlanned, sweep } = table.document;
  expect([state, allPlanned, sweep]).toEqual(["INIT_SYNC", false, "due"]);
  const [written] = sink.landed.flatMap((commit) => commit.state);
  expect(written).toMatchObject({ key: stateKey.table(table.id), value: { state: "INIT_SYNC" } });
  expect(told.join()).toMatch(words);
  expect(table.notices.join()).toMatch(words);
}

describe("a target that was written and is found at a start", () => {
  it("changes nothing where it is the one that it was", async () => {
    const { sink, table, told, meet } = startOf();
    expect((await meet()).gone).toEqual(new Set());
    expect([table.document.state, told, sink.landed]).toEqual(["SYNC", [], []]);
  });

  it.each([
    ["was known without a number", "", "100"],
    ["has no number any more", "100", ""],
  ])("changes nothing where it is there and %s", async (_how, was, is) => {
    const { sink, table, told, meet } = startOf({
      targetIds: { home: "1", ids: { [TARGET]: was } },
    });
    sink.ids = new Map([[TARGET, is]]);
    expect((await meet()).gone).toEqual(new Set());
    expect([table.document.state, told]).toEqual(["SYNC", []]);
  });

  it("changes nothing where it is gone, and only another program has written it, by whatever name", async () => {
    const { sink, table, told, meet } = startOf({ targetIds: { home: "", ids: {}, unseen: true } });
    sink.ids = new Map();
    await meet();
    expect([table.document.state, told]).toEqual(["SYNC", []]);
  });

  it("is asked for as one that was written", async () => {
    const { sink, meet } = startOf();
    const asked: (readonly TableId[])[] = [];
    sink.identifyTargets = (_tables?: unknown, written: ReadonlySet<TableId> = new Set()) => {
      asked.push([...written]);
      return Promise.resolve({ home: sink.home, ids: new Map(sink.ids) });
    };
    await meet();
    expect(asked).toEqual([[TARGET]]);
  });

  it("has its table begin anew, durably, where it is gone", async () => {
    await expectAnew(new Map(), /not there any more; the table is loaded again/);
  });

  it("has its table begin anew, durably, where it is another one", async () => {
    await expectAnew(new Map([[TARGET, "101"]]), /another table .*; the table is loaded again/);
  });

  it("is the one that it was where the state lies elsewhere too: a backup gives all of them other ids", async () => {
    const { sink, table, keep } = startOf();
    sink.home = "2";
    sink.ids = new Map([[TARGET, "7"]]);
    await keep(false);
    expect(table.document).toMatchObject({
      state: "SYNC",
      targetIds: { home: "2", ids: { [TARGET]: "7" } },
    });
  });

  it("is nobody's loss where nothing was written, or the table is left out", async () => {
    const begun = { state: "INIT_SYNC", allPlanned: false, nextChunk: 0 } as const;
    const paused = { paused: { atMs: 1 } };
    const stopped = { stopped: { code: "MR_TABLE_STOPPED", message: "", atMs: 1 } };
    for (const part of [begun, paused, stopped]) {
      const { sink, told, meet } = startOf(part);
      sink.ids = new Map();
      await meet();
      expect([told, sink.landed]).toEqual([[], []]);
    }
  });

  it("is what an open barrier has made of it: another one is met behind its end, one that is gone now", async () => {
    const other = startOf({}, {}, intentOf("shape"));
    other.sink.ids = new Map([[TARGET, "101"]]);
    expect([(await other.meet()).gone, other.told]).toEqual([new Set(), []]);
    const gone = startOf({}, {}, intentOf("shape"));
    gone.sink.ids = new Map();
    expect([(await gone.meet()).gone, gone.told.length]).toEqual([new Set([TARGET]), 1]);
    const dropped = startOf({}, {}, intentOf("drop"));
    dropped.sink.ids = new Map();
    expect([(await dropped.meet()).gone, dropped.told]).toEqual([new Set([TARGET]), []]);
    const begun = { state: "INIT_SYNC", allPlanned: false, nextChunk: 0 } as const;
    const resumed = startOf(begun, {}, intentOf("shape"));
    resumed.sink.ids = new Map();
    expect([(await resumed.meet()).gone, resumed.told]).toEqual([new Set([TARGET]), []]);
  });

  it("is told of where the file loads nothing, and the log goes on", async () => {
    const { sink, table, told, meet } = startOf({ nextChunk: 0 }, { fullLoad: false });
    sink.ids = new Map();
    await meet();
    expect([table.document.state, sink.landed]).toEqual(["SYNC", []]);
    expect(told.join()).toMatch(/a resync of the table loads all of it/);
  });
});

describe("which table a target is", () => {
  it("is kept once, as it is behind the look that may make it", async () => {
    const { sink, table, keep } = startOf({ targetIds: null });
    await keep(false);
    expect(table.document.targetIds).toEqual(KNOWN);
    expect(sink.landed.at(-1)?.state).toMatchObject([{ value: { targetIds: KNOWN } }]);
    await keep(false);
    expect(sink.landed).toHaveLength(1);
  });

  it("is asked again where it was made", async () => {
    const { sink, table, keep } = startOf();
    let looks = 0;
    sink.identifyTargets = () =>
      Promise.resolve({ home: "1", ids: new Map(looks++ === 0 ? [] : [[TARGET, "102"]]) });
    await keep(true);
    expect(table.document.targetIds?.ids).toEqual({ [TARGET]: "102" });
  });

  it("is what the start found where it is dropped while the start is under way: the next one meets it", async () => {
    for (const targetIds of [KNOWN, null]) {
      const { sink, table, told, meet, keep } = startOf({ targetIds });
      const before = new Map([[TARGET, "100"]]);
      const after = new Map([[TARGET, "102"]]);
      let looks = 0;
      sink.identifyTargets = () =>
        Promise.resolve({ home: "1", ids: looks++ === 0 ? before : after });
      await expect(keep(true)).rejects.toThrow(RestartNeeded);
      expect(table.document).toMatchObject({ state: "SYNC", targetIds: KNOWN });
      await meet();
      expect([table.document.state, told.length]).toEqual(["INIT_SYNC", 1]);
    }
  });
});
