import { describe, expect, it } from "vitest";
import type { Source } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import { Barriers } from "./barriers.ts";
import { Committer } from "./committer.ts";
import { DeadLetterBook } from "./dead-letter-book.ts";
import { Generations } from "./generations.ts";
import { deafObserver } from "./observer.ts";
import {
  instantClock,
  plainRouter,
  reachOf,
  settingsOf,
  shapeOf,
  tableOf,
} from "./pipeline-parts.fixture.ts";
import { ScriptedSink } from "./scripted-sink.fixture.ts";
import type { IntentDocument } from "./state-documents.ts";
import { sourcesOf } from "./targets.ts";

const keyless = tableOf({ ...shapeOf(), key: [] });
const keyed = tableOf(shapeOf());

interface Others {
  readonly table?: typeof keyed;
  readonly tables?: number;
  readonly sharedTargets?: boolean;
  readonly others?: readonly TableId[];
}

function setUp(
  source: Pick<Source, "sharesTables" | "besides">,
  { table = keyless, tables = 1, sharedTargets = false, others = [] }: Others,
) {
  const sink = new ScriptedSink(1);
  const { signal } = new AbortController();
  const tasks = { sink, clock: instantClock(), random: () => 0.5, observer: deafObserver, signal };
  const committer = new Committer(tasks, 7, sink.lanes);
  const book = new DeadLetterBook({ policy: "park", maxPerTable: 10, maxShare: 1 }, []);
  const settings = settingsOf({ sharedTargets });
  const all = new Map(
    Array.from({ length: tables }, (_, i) => [`${table.id}${i}` as TableId, table]),
  );
  const parts = { ...tasks, source: source as Source, settings, committer, book };
  const generations = new Generations({
    ...parts,
    sourcesOf: (target, apart) => sourcesOf(parts, all, target, apart),
    elsewhere: () => Promise.resolve(new Set(others)),
  });
  const barriers = new Barriers({
    ...parts,
    source: { positionText: String, comparePositions: (a, b) => Number(a) - Number(b) },
    router: plainRouter,
    lanes: 1,
    tables: new Map([[table.id, table]]),
    generations,
    acknowledged: () => null,
    reach: reachOf(1),
    reached: () => undefined,
    unseen: () => [],
    goneRows: () => "swept",
    currentShape: () => Promise.resolve(table.shape),
  });
  return { sink, generations, barriers };
}

function truncated(
  source: Pick<Source, "sharesTables" | "besides">,
  more: Others = {},
): Promise<void> {
  const { generations } = setUp(source, more);
  return generations.refuseTruncate(more.table ?? keyless);
}

describe("a TRUNCATE of a table that others may bring too", () => {
  const alone = { sharesTables: true, besides: () => Promise.resolve(null) };

  it("is done where none of them has anything", async () => {
    await expect(truncated({})).resolves.toBeUndefined();
    await expect(truncated(alone)).resolves.toBeUndefined();
    await expect(truncated({}, { table: keyed })).resolves.toBeUndefined();
  });

  it("is refused while other shares have something that may be older", async () => {
    const besides = () => Promise.resolve("partition 1 of topic orders has messages too");
    await expect(truncated({ sharesTables: true, besides })).rejects.toMatchObject({
      code: "MR_SCHEMA_CHANGE_REFUSED",
      message: expect.stringMatching(/partition 1 of topic orders has messages too$/),
      remedy: expect.stringMatching(/one partition.*on-truncate: ignore/),
    });
    await expect(truncated({ sharesTables: true })).rejects.toThrow("leave");
  });

  it("is refused of a table with key, whose rows will come to the others by their keys", async () => {
    await expect(truncated(alone, { table: keyed })).rejects.toThrow("other tasks share the table");
  });

  it.each([false, true])(
    "is refused where other pipelines write its target: shared with other tasks %s",
    async (sharesTables) => {
      await expect(
        truncated({ ...alone, sharesTables }, { sharedTargets: true }),
      ).rejects.toMatchObject({
        message: expect.stringMatching(/would remove rows of other tables/),
      });
    },
  );

  it("is refused where others have brought rows, or other tables come to its target", async () => {
    const others = keyless.targets.map(({ target }) => target.id);
    await expect(truncated(alone, { others })).rejects.toMatchObject({
      message: expect.stringMatching(/that another task of this pipeline has brought$/),
      remedy: expect.stringMatching(/on-truncate: ignore/),
    });
    await expect(truncated(alone, { tables: 2 })).rejects.toMatchObject({
      message: expect.stringMatching(/would remove rows of other tables from/),
      remedy: expect.stringMatching(/^Route the table/),
    });
  });

  /** Nothing is there in the first looks; then others have something. */
  function laterBesides(looks: number) {
    let left = looks;
    return () =>
      Promise.resolve(left-- > 0 ? null : "partition 1 of topic orders has messages too");
  }

  it("fails where others have brought something while it was emptied, and does not say done", async () => {
    const { sink, barriers } = setUp({ sharesTables: true, besides: laterBesides(2) }, {});
    const item = { kind: "truncate", table: keyless.id, position: 10, transaction: null } as const;
    await expect(barriers.pass(item, () => Promise.resolve())).rejects.toMatchObject({
      code: "MR_SCHEMA_CHANGE_REFUSED",
      message: expect.stringMatching(/partition 1 .* may have gone with the others$/),
      remedy: expect.stringMatching(/another name read the topic anew/),
    });
    const written = sink.sent.flatMap(({ state }) => state.filter(({ key }) => key === "intent"));
    expect(written.map(({ value }) => value !== null)).toEqual([true]);
  });

  it("is asked again behind a restart, before anything is deleted", async () => {
    const { sink, barriers } = setUp({ sharesTables: true, besides: laterBesides(0) }, {});
    const intent = { kind: "truncate", table: keyless.id, position: 10 } as IntentDocument;
    await expect(barriers.finish(intent)).rejects.toThrow("may have gone with the others");
    expect(sink.sent).toEqual([]);
  });
});
