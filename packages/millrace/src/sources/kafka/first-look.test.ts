import { expect, it } from "vitest";
import type { Json } from "../../model/position.ts";
import { type FirstLook, lookIn, PipelineLook } from "./first-look.ts";

const LOOK: FirstLook = { sinceMs: 7, partitions: { t: 1_000 } };

it("tasks are asked what the pipeline began with until one keeps it, and not for each partition", async () => {
  const kept: Json[] = [];
  let [asked, taken] = [0, 0];
  const look = new PipelineLook(() => {
    taken++;
    return Promise.resolve(LOOK);
  });
  const begin = async (): Promise<void> => {
    const found = await look.of(() => {
      asked++;
      return Promise.resolve([...kept]);
    });
    expect(found).toEqual(LOOK);
    kept.push({ topic: "id", first: { sinceMs: 7, partitions: { t: 1_000 } } });
  };
  for (let n = 0; n < 100; n++) await begin();
  await Promise.all(Array.from({ length: 100 }, begin));
  expect({ asked, taken }).toEqual({ asked: 2, taken: 1 });
});

it("a look that fails is taken anew, and one whose tasks could not be asked is asked for again", async () => {
  const answers = [
    () => Promise.reject(new Error("away")),
    () => Promise.resolve(LOOK),
    () => Promise.reject(new Error("not wanted")),
  ];
  const look = new PipelineLook(() => answers.shift()?.() ?? Promise.resolve(LOOK));
  const none = (): Promise<readonly Json[]> => Promise.resolve([]);
  await expect(look.of(() => Promise.reject(new Error("gone")))).rejects.toThrow("gone");
  await expect(look.of(none)).rejects.toThrow("away");
  expect(await look.of(none)).toEqual(LOOK);
  expect(await look.of(none)).toEqual(LOOK);
});

it("whoever began otherwise has no look, and never takes one", async () => {
  const look = new PipelineLook(() => Promise.reject(new Error("not wanted")));
  expect(await look.of(() => Promise.resolve([{ topic: "id" }]))).toBeNull();
  expect(await look.of(() => Promise.reject(new Error("not wanted")))).toBeNull();
});

it("ends that are no numbers are none", () => {
  const first = (ends: Json): Json => ({ first: { sinceMs: 7, partitions: { t: 2 }, ends } });
  expect(lookIn(first({ t: [3, 5] }))?.ends).toEqual({ t: [3, 5] });
  // By their places: a list with a hole would give a partition the end of another one.
  expect(lookIn(first({ t: [3, null], u: [1, "x"] }))?.ends).toEqual({});
});
