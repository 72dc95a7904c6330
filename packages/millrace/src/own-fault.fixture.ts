import { expect } from "vitest";
import { setFailpointHandler } from "./model/failpoint.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { pipelineFileOf } from "./pipeline-between.fixture.ts";
import type { Pipeline } from "./pipeline-handle.ts";

/** Stands for what a row holds: a TypeError of the language quotes it. */
const VALUE = "GEHEIM";

/** Our own code goes wrong at a place that a failpoint names, each time that it is reached, until {@link mended}. */
export function faultAt(place: string): void {
  setFailpointHandler((name) => {
    if (name === place) throw new TypeError(`Cannot convert ${VALUE} to a BigInt`);
  });
}

/** The next one goes well. */
export function mended(): void {
  setFailpointHandler(null);
}

/**
 * A pipeline stops at the first time, says that it was our own fault and where, and nothing of the value. `work` is done once
 * it has begun, or could not.
 */
export async function expectOwnFault(
  file: object,
  work: (pipeline: Pipeline) => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  const pipeline = await loadPipeline(pipelineFileOf(file));
  try {
    await pipeline.start().catch(() => undefined);
    await work(pipeline);
    await expectStopped(pipeline);
  } finally {
    await pipeline.stop().catch(() => undefined);
  }
}

async function expectStopped(pipeline: Pipeline): Promise<void> {
  const isDecided = (): boolean => {
    const { state, retrying } = pipeline.status();
    return state === "failed" || retrying !== null;
  };
  await expect.poll(isDecided, { timeout: 60_000, interval: 20 }).toBe(true);
  const { state, retrying, error, retries } = pipeline.status();
  expect({ state, retrying, code: error?.code }).toEqual({
    state: "failed",
    retrying: null,
    code: "MR_BUG",
  });
  expect(Object.keys(retries).filter((code) => code !== "MR_BUG")).toEqual([]);
  expect(error?.message).toMatch(/TypeError.*own-fault\.fixture\.ts:\d+/);
  await expect(pipeline.done).rejects.toMatchObject({ code: "MR_BUG" });
  expect(JSON.stringify(pipeline.status())).not.toContain(VALUE);
}
