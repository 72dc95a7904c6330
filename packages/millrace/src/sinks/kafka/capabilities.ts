import type { SinkCapabilities } from "../../model/sink.ts";
import type { Row } from "../../model/value.ts";
import type { KafkaSinkOptions } from "./options.ts";

/** Besides its own bytes a value has its column's name, quotes and commas. */
const VALUE_BYTES = 24;
const MESSAGE_BYTES = 400;
/** As many messages as any transaction has; bytes bound it first. */
const MAX_ROWS = 100_000;
/** Measured: at 3,000 rows the ends of transactions were a fifth of what a load costs its broker. */
const LINES = 9_000;

/** What a Kafka sink can and cannot do: one commit lane, every change in order, no row to look at. */
export function capabilitiesOf(options: KafkaSinkOptions): SinkCapabilities {
  // To choose by columns each line would be read whole on top.
  const takesLines = options.format.takesLines === true && options.partitioning.kind !== "columns";
  return {
    transactional: options.exactlyOnce,
    maxLanes: 1,
    maxRowsPerCommit: MAX_ROWS,
    ...(options.batchRowsAreGiven ? {} : { linesPerCommit: LINES }),
    maxBytesPerCommit: options.maxTransactionBytes,
    maxValueBytes: options.maxRequestBytes,
    lastWriteWins: false,
    partialUpdates: false,
    takesLines,
    takesPackets: takesLines,
    takesImages: takesLines,
  };
}

/** What a row's message weighs, about, bytes. On the hot path. */
export function estimateMessage(row: Row): number {
  let bytes = MESSAGE_BYTES;
  for (const value of row)
    bytes +=
      typeof value === "string" || value instanceof Uint8Array
        ? value.length + VALUE_BYTES
        : VALUE_BYTES;
  return bytes;
}
