import { z } from "zod";
import { bytesText, durationText, grouped } from "./event-text.ts";

/** What holds a load back, as REST tells it. */
export const LOAD = z.object({
  maxRowsPerSecond: z.number().nullable(),
  maxBytesPerSecond: z.number().nullable(),
  limited: z.boolean(),
  waitedMs: z.number(),
  paused: z.string().nullable(),
  givesWay: z.boolean().default(false),
});

/** What the source keeps of its log, as REST tells it. */
export const RETENTION = z.object({
  retainedBytes: z.number().nullable(),
  limitBytes: z.number().nullable(),
  limitOf: z.enum(["pipeline", "server"]).nullable(),
  limitSeconds: z.number().nullable(),
  expireSeconds: z.number().nullable().default(null),
});

/** The bounds of the load; none where it has none. What it waits for right now is told by {@link waitLines}. */
export function loadLines(load: z.output<typeof LOAD>): string[] {
  const { maxRowsPerSecond: rows, maxBytesPerSecond: bytes } = load;
  const bounds = [
    rows === null ? null : `${grouped(rows)} rows/s`,
    bytes === null ? null : `${bytesText(bytes)}/s`,
  ].filter((bound) => bound !== null);
  const waited = load.waitedMs === 0 ? "" : `; chunks waited ${durationText(load.waitedMs)}`;
  return [
    ...(bounds.length === 0 ? [] : [`  load      at most ${bounds.join(", ")}${waited}`]),
    ...(load.givesWay ? ["  load      gives way to changes (scan.snapshot.give-way)"] : []),
  ];
}

/** The line of `status` about the source's log. */
export function retentionLine(retention: z.output<typeof RETENTION> | null): string[] {
  if (retention === null) return [];
  const { retainedBytes, limitBytes, limitOf, limitSeconds, expireSeconds } = retention;
  const whose = limitOf === "server" ? "the server's limit" : "slot.max-retained";
  if (retainedBytes === null)
    return expireSeconds === null
      ? []
      : [`  log kept  for ${ageText(expireSeconds)}, whether it is read or not`];
  const endless =
    expireSeconds === null
      ? ", without a limit"
      : `, whose files the server drops ${ageText(expireSeconds)} after they were written`;
  const limit = limitBytes === null ? endless : ` of ${bytesText(limitBytes)} (${whose})`;
  const soon = limitSeconds === null ? "" : `, met ${whenText(limitSeconds)}`;
  return [`  log kept  ${bytesText(retainedBytes)}${limit}${soon}`];
}

/** Ages of logs are set in hours and days. */
export function ageText(seconds: number): string {
  if (seconds < 7_200) return durationText(seconds * 1_000);
  const hours = seconds / 3_600;
  return hours < 48 ? `${Math.round(hours)} hours` : `${Math.round(hours / 24)} days`;
}

function whenText(seconds: number): string {
  return seconds === 0 ? "now" : `in ${durationText(seconds * 1_000)} at this pace`;
}
