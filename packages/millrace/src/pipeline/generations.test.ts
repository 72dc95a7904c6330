import { describe, expect, it } from "vitest";
import type { Source } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import { Committer } from "./committer.ts";
import { DeadLetterBook } from "./dead-letter-book.ts";
import { Generations } from "./generations.ts";
import { deafObserver } from "./observer.ts";
import { instantClock, shapeOf, tableOf } from "./pipeline-parts.fixture.ts";
import { ScriptedSink } from "./scripted-sink.fixture.ts";

const table = tableOf(shapeOf());

function truncated(
  source: Pick<Source, "sharesTables" | "besides">,
  { sources = 1, others = [] }: { readonly sources?: number; readonly others?: TableId[] } = {},
): Promise<void> {
  const sink = new ScriptedSink(1);
  const clock = instantClock();
  const { signal } = new AbortController();
  const parts = { sink, clock, random: () => 0.5, observer: deafObserver, signal };
  const generations = new Generations({
    ...parts,
    source,
    committer: new Committer(parts, 7, sink.lanes),
    book: new DeadLetterBook({ policy: "park", maxPerTable: 10, maxShare: 1 }, []),
    sourcesOf: () => sources + (source.sharesTables === true ? 1 : 0),
    elsewhere: () => Promise.resolve(new Set(others)),
  });
  return generations.refuseTruncate(table);
}

describe("a TRUNCATE of a table that others may bring too", () => {
  const alone = { sharesTables: true, besides: () => Promise.resolve(null) };

  it("is done where none of them has anything", async () => {
    await expect(truncated({})).resolves.toBeUndefined();
    await expect(truncated(alone)).resolves.toBeUndefined();
  });

  it("is refused while other shares have something that may be older", async () => {
    const besides = () => Promise.resolve("partition 1 of topic orders has messages too");
    await expect(truncated({ sharesTables: true, besides })).rejects.toMatchObject({
      code: "MR_SCHEMA_CHANGE_REFUSED",
      message: expect.stringMatching(/partition 1 of topic orders has messages too$/),
      remedy: expect.stringMatching(/one partition.*on-truncate: ignore/),
    });
    await expect(truncated({ sharesTables: true })).rejects.toThrow("would leave");
  });

  it("is refused where others have brought rows, or other tables come to its target", async () => {
    const others = table.targets.map(({ target }) => target.id);
    await expect(truncated(alone, { others })).rejects.toMatchObject({
      message: expect.stringMatching(/that another task of this pipeline has brought$/),
      remedy: expect.stringMatching(/on-truncate: ignore/),
    });
    await expect(truncated(alone, { sources: 2 })).rejects.toMatchObject({
      message: expect.stringMatching(/would remove rows of other tables from/),
      remedy: expect.stringMatching(/^Route the table/),
    });
  });
});
