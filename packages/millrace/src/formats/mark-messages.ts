import type { TargetMark } from "../model/sink.ts";
import { messageHeader, type MessageHeader, type MessageOutput } from "./format.ts";

/** Names the generation that is complete, in milliseconds since 1970. */
export const GENERATION_HEADER = "__millrace.generation-end";

/** The end of a generation: a message without key and value, for which no reader of rows has a use. */
export function writeGenerationEnd(
  mark: TargetMark,
  headers: readonly MessageHeader[],
  output: MessageOutput,
): void {
  const generation = messageHeader(GENERATION_HEADER, String(mark.generation ?? 0));
  const table = messageHeader("__millrace.table", `${mark.table.schema}.${mark.table.name}`);
  output.message(false, false, null, [...headers, generation, table]);
}
