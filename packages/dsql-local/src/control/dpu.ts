/** What the service charges for: distributed processing units, by the formula of its price list (source B). */

const READ_PER_BYTE = 0.000_001_831_05;
const WRITE_PER_BYTE = 0.000_048_83;
const COMPUTE_PER_SECOND = 1;
/** A transaction that reads, or writes, pays for this much at least. */
const READ_LEAST_BYTES = 2_048;
const WRITE_LEAST_BYTES = 1_024;

/** A row, and an entry of a secondary index, count for this much at least; so does what one read finds. */
export const LEAST_BYTES = 128;

/** What a statement or a transaction used. */
export interface Usage {
  computeMs: number;
  readBytes: number;
  writeBytes: number;
}

/** Units by what they are for. */
export interface Dpu {
  readonly compute: number;
  readonly read: number;
  readonly write: number;
}

/** Nothing yet. */
export function noUsage(): Usage {
  return { computeMs: 0, readBytes: 0, writeBytes: 0 };
}

/** The units of one statement: the least of a transaction is no matter here. */
export function dpuOfStatement({ computeMs, readBytes, writeBytes }: Usage): Dpu {
  return {
    compute: (computeMs / 1_000) * COMPUTE_PER_SECOND,
    read: readBytes * READ_PER_BYTE,
    write: writeBytes * WRITE_PER_BYTE,
  };
}

/** The units of one transaction. */
export function dpuOfTransaction({ computeMs, readBytes, writeBytes }: Usage): Dpu {
  return dpuOfStatement({
    computeMs,
    readBytes: readBytes === 0 ? 0 : Math.max(readBytes, READ_LEAST_BYTES),
    writeBytes: writeBytes === 0 ? 0 : Math.max(writeBytes, WRITE_LEAST_BYTES),
  });
}

/** The lines that EXPLAIN ANALYZE VERBOSE ends with. */
export function dpuLines(usage: Usage): readonly string[] {
  const { compute, read, write } = dpuOfStatement(usage);
  const least = {
    read: READ_LEAST_BYTES * READ_PER_BYTE,
    write: WRITE_LEAST_BYTES * WRITE_PER_BYTE,
  };
  return [
    "Statement DPU Estimate:",
    `  Compute: ${compute.toFixed(5)} DPU`,
    `  Read: ${read.toFixed(5)} DPU${below(read, least.read)}`,
    `  Write: ${write.toFixed(5)} DPU${below(write, least.write)}`,
    `  Total: ${(compute + read + write).toFixed(5)} DPU`,
  ];
}

function below(units: number, least: number): string {
  return units > 0 && units < least ? ` (Transaction minimum: ${least.toFixed(5)})` : "";
}
