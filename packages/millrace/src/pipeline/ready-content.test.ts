import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { DeadLetterBook } from "./dead-letter-book.ts";
import type { RowItem } from "./lane-item.ts";
import { deafObserver } from "./observer.ts";
import { instantClock, itemOf, tableOf } from "./pipeline-parts.fixture.ts";
import { ReadyContent } from "./ready-content.ts";
import { ScriptedSink } from "./scripted-sink.fixture.ts";

function readyContent(): ReadyContent {
  const { capabilities } = new ScriptedSink(1);
  return new ReadyContent({
    sink: { capabilities: { ...capabilities, lastWriteWins: false } },
    book: new DeadLetterBook({ policy: "park", maxPerTable: 100, maxShare: 1 }, []),
    observer: deafObserver,
    clock: instantClock(),
  });
}

/** Makes rows ready that nobody else has; only a turn later may they go. */
async function makeReady(ready: ReadyContent): Promise<WeakRef<readonly RowItem[]>> {
  const items = [itemOf(tableOf(), "put", ["a", "v", "b"], 1)];
  expect(ready.make(items)).not.toBeNull();
  const seen = new WeakRef(items);
  await new Promise((resolve) => setImmediate(resolve));
  return seen;
}

function collect(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc()");
}

it("keeps no rows of what was ready once nobody knows what comes next", async () => {
  const ready = readyContent();
  const items = await makeReady(ready);
  collect();
  expect(items.deref()).toBeDefined();
  await new Promise((resolve) => setImmediate(resolve));
  expect(ready.make(null)).toBeNull();
  const kept = (): boolean => {
    collect();
    return items.deref() !== undefined;
  };
  // A reference that was looked through lives until the end of its turn.
  for (let turn = 0; turn < 100 && kept(); turn++)
    await new Promise((resolve) => setImmediate(resolve));
  expect(kept()).toBe(false);
  expect(ready.take([])).toBeNull();
});
