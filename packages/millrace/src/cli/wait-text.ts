import { z } from "zod";
import { durationText, grouped } from "./event-text.ts";

/** A failure that is met again and again, as REST tells it. */
export const RETRYING = z.object({
  code: z.string(),
  message: z.string(),
  remedy: z.string(),
  sinceMs: z.number(),
  attempts: z.number(),
  nextTryMs: z.number(),
});

/** What waits, and for what, as REST tells it. */
export const WAITS = z
  .array(
    z.object({
      what: z.string(),
      reason: z.string(),
      table: z.string().nullable(),
      why: z.string(),
      sinceMs: z.number(),
    }),
  )
  .default([]);

/** Less of a wait is over before it is read. */
const NOW_MS = 100;

/** Lines of `status` and `tables` about what is tried again. */
export function retryingLines(
  name: string,
  { message, remedy, sinceMs, attempts, nextTryMs }: z.output<typeof RETRYING>,
  nowMs: number,
): string[] {
  const since = `${new Date(sinceMs).toISOString().slice(0, 19)}Z (${durationText(Math.max(0, nowMs - sinceMs))})`;
  const tries = attempts === 1 ? "1 attempt" : `${grouped(attempts)} attempts`;
  const waitMs = nextTryMs - nowMs;
  const next = waitMs < NOW_MS ? "now" : `in ${durationText(waitMs)}`;
  return [
    `${name}: retrying since ${since}, ${tries}, next ${next}`,
    `  ${message}`,
    `  ${remedy}`,
  ];
}

/** Lines about what waits. A server that does not do what it is asked has lines of its own. */
export function waitLines(
  {
    waits,
    retrying,
  }: {
    readonly waits: z.output<typeof WAITS>;
    readonly retrying: z.output<typeof RETRYING> | null;
  },
  nowMs: number,
): string[] {
  return waits
    .filter(({ what, reason }) => what !== "pipeline" || reason !== retrying?.code)
    .map(({ what, table, why, sinceMs }) => {
      const lasted = durationText(Math.max(0, nowMs - sinceMs));
      return `  waiting   ${table ?? `the ${what}`} for ${lasted}: ${why}`;
    });
}
