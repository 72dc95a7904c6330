import type { ModelRecord } from "./model-batch.ts";
import { type TopicPlan, UNAVAILABLE } from "./workload.ts";

/** A row as whoever reads the topic has it; by its key, or of a table without key by its place. */
export type FoldedRows = Map<string, Readonly<Record<string, string | null>>>;

interface Envelope {
  readonly before: { readonly id: number } | null;
  readonly after: { readonly id: number; readonly v: string; readonly w?: string | null } | null;
}

/** Pure: what committed messages make of a table, each after the other. */
export function foldedRows(messages: readonly ModelRecord[], { keyless }: TopicPlan): FoldedRows {
  const rows: FoldedRows = new Map();
  for (const { offset, key, value } of messages) {
    if (value === null) {
      if (key !== null) rows.delete(String((JSON.parse(key) as { id: number }).id));
      continue;
    }
    const { before, after } = JSON.parse(value) as Envelope;
    if (after === null) {
      rows.delete(String(before?.id));
      continue;
    }
    const name = keyless ? `at ${offset}` : String(after.id);
    const old = rows.get(name)?.["v"] ?? null;
    const v = after.v === UNAVAILABLE ? old : after.v;
    rows.set(name, { id: String(after.id), v, w: after.w ?? null });
  }
  return rows;
}
