import { expect, it } from "vitest";
import { type Clock, systemClock } from "../../model/ports.ts";
import type { Json } from "../../model/position.ts";
import { type FirstLook, lookIn, PipelineLook } from "./first-look.ts";

const LOOK: FirstLook = { sinceMs: 7, partitions: { t: 1_000 } };
const begun = Promise.resolve();
const none = (): Promise<readonly Json[]> => Promise.resolve([]);

/** Tasks of one process that ask for the look, and make durable what they begin with. */
class Tasks {
  readonly kept: Json[] = [];
  asked = 0;
  taken = 0;
  readonly #look = new PipelineLook(() => {
    this.taken++;
    return Promise.resolve(LOOK);
  }, systemClock);

  /** Whether this one keeps it. */
  async begin(work: () => Promise<void> = () => begun): Promise<boolean> {
    const { promise: settled, resolve } = Promise.withResolvers<void>();
    const histories = (): Promise<readonly Json[]> => {
      this.asked++;
      return Promise.resolve([...this.kept]);
    };
    const { first, isKept } = await this.#look.of(histories, settled);
    expect(first).toEqual(LOOK);
    try {
      await work();
      this.kept.push(isKept ? { topic: "id" } : { topic: "id", first: { ...LOOK } as Json });
    } finally {
      resolve();
    }
    return !isKept;
  }
}

const keepers = (began: readonly boolean[]): number => began.filter((keeps) => keeps).length;

it("tasks are asked what the pipeline began with until one keeps it, and not for each partition", async () => {
  const tasks = new Tasks();
  const began: boolean[] = [];
  for (let n = 0; n < 100; n++) began.push(await tasks.begin());
  began.push(...(await Promise.all(Array.from({ length: 100 }, () => tasks.begin()))));
  expect({ asked: tasks.asked, taken: tasks.taken }).toEqual({ asked: 2, taken: 1 });
  expect(keepers(began)).toBe(1);
});

it("of tasks that begin at once one keeps the look for all, and the others begin behind it", async () => {
  const tasks = new Tasks();
  const began = await Promise.all(
    Array.from({ length: 1_000 }, () => tasks.begin(() => new Promise(setImmediate))),
  );
  expect(keepers(began)).toBe(1);
  expect(tasks).toMatchObject({ asked: 2, taken: 1 });
});

it("where the task that was to keep the look ends before, the next one keeps it", async () => {
  const tasks = new Tasks();
  const dies = tasks.begin(() => Promise.reject(new Error("gone")));
  const others = Array.from({ length: 10 }, () => tasks.begin());
  await expect(dies).rejects.toThrow("gone");
  expect(keepers(await Promise.all(others))).toBe(1);
  expect(tasks.taken).toBe(1);
});

it("a task that keeps the others waiting is waited for once, and for a while: then each keeps the look", async () => {
  const sleeps: (() => void)[] = [];
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: () => new Promise((resolve) => sleeps.push(resolve)),
  };
  const look = new PipelineLook(() => Promise.resolve(LOOK), clock);
  const never = new Promise<void>(() => undefined);
  const found = Array.from({ length: 3 }, () => look.of(none, never));
  expect(await found[0]).toEqual({ first: LOOK, isKept: false });
  await expect.poll(() => sleeps.length).toBe(2);
  for (const wake of sleeps) wake();
  expect(await Promise.all(found)).toEqual(found.map(() => ({ first: LOOK, isKept: false })));
  expect(sleeps).toHaveLength(2);
});

it("a look that fails is taken anew, and one whose tasks could not be asked is asked for again", async () => {
  const answers = [
    () => Promise.reject(new Error("away")),
    () => Promise.resolve(LOOK),
    () => Promise.reject(new Error("not wanted")),
  ];
  const take = () => answers.shift()?.() ?? Promise.resolve(LOOK);
  const look = new PipelineLook(take, systemClock);
  await expect(look.of(() => Promise.reject(new Error("gone")), begun)).rejects.toThrow("gone");
  await expect(look.of(none, begun)).rejects.toThrow("away");
  expect(await look.of(none, begun)).toEqual({ first: LOOK, isKept: false });
  expect(await look.of(none, begun)).toEqual({ first: LOOK, isKept: false });
});

it("whoever began otherwise has no look, and never takes one", async () => {
  const look = new PipelineLook(() => Promise.reject(new Error("not wanted")), systemClock);
  const no = { first: null, isKept: true };
  expect(await look.of(() => Promise.resolve([{ topic: "id" }]), begun)).toEqual(no);
  expect(await look.of(() => Promise.reject(new Error("not wanted")), begun)).toEqual(no);
});

it("ends that are no numbers are none", () => {
  const first = (ends: Json): Json => ({ first: { sinceMs: 7, partitions: { t: 2 }, ends } });
  expect(lookIn(first({ t: [3, 5] }))?.ends).toEqual({ t: [3, 5] });
  // By their places: a list with a hole would give a partition the end of another one.
  expect(lookIn(first({ t: [3, null], u: [1, "x"] }))?.ends).toEqual({});
});
