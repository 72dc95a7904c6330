import { expect, it } from "vitest";
import { SharedOutages } from "./shared-outages.ts";
import type { TaskEvent } from "./status.ts";

const retry = (message: string): TaskEvent => ({
  type: "retry",
  code: "MR_SOURCE_LOST_CONNECTION",
  attempt: 1,
  waitMs: 10,
  message,
  remedy: "Wait.",
  sinceMs: 0,
});
const recovered: TaskEvent = {
  type: "recovered",
  code: "MR_SOURCE_LOST_CONNECTION",
  attempts: 2,
  lastedMs: 5,
};

it("tells what several shares have in common once in half a minute, and anything else at once", () => {
  let nowMs = 0;
  const outages = new SharedOutages(() => nowMs);
  expect(outages.tells("t-0", retry("gone"))).toBe(true);
  expect(outages.tells("t-1", retry("gone"))).toBe(false);
  expect(outages.tells("t-1", retry("refused"))).toBe(true);
  nowMs = 30_000;
  expect(outages.tells("t-1", retry("gone"))).toBe(true);
});

it("tells the end once the last of them has come to it, and an outage behind it at once", () => {
  const outages = new SharedOutages(() => 0);
  for (const share of ["t-0", "t-1", "t-2"]) outages.tells(share, retry("gone"));
  expect(outages.tells("t-0", recovered)).toBe(false);
  outages.forget("t-2");
  expect(outages.tells("t-1", recovered)).toBe(true);
  expect(outages.tells("t-0", retry("gone"))).toBe(true);
});
