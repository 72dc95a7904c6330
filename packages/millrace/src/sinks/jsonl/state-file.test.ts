import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { EMPTY_STATE, readDocuments, readState, stateFileOf, writeState } from "./state-file.ts";

it("states of pipelines whose names begin alike are their own, with dots in names of tasks too", async () => {
  const folder = await mkdtemp(join(tmpdir(), "jsonl-state-"));
  const tasks = [
    { pipeline: "a", task: "0" },
    { pipeline: "a", task: "b.0" },
    { pipeline: "a.b", task: "0" },
    { pipeline: "a%2Eb", task: "0" },
  ];
  try {
    for (const [fence, of] of tasks.entries()) {
      const state = { key: `${of.pipeline} ${of.task}`, other: 1 };
      await writeState(stateFileOf(folder, of), { ...EMPTY_STATE, fence, state });
    }
    for (const [fence, of] of tasks.entries())
      expect((await readState(stateFileOf(folder, of))).fence).toBe(fence);
    const documents = async (pipeline: string) =>
      (await readDocuments(folder, pipeline, "ke")).map(({ task, value }) => [task, value]);
    expect(
      (await documents("a")).toSorted(([a], [b]) => String(a).localeCompare(String(b))),
    ).toEqual([
      ["0", "a 0"],
      ["b.0", "a b.0"],
    ]);
    expect(await documents("a.b")).toEqual([["0", "a.b 0"]]);
    expect(await documents("a.")).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
