import type { CatalogueEntry } from "./catalogue.ts";
import { CATALOGUE } from "./catalogue.ts";
import type { ErrorClass } from "./millrace-error.ts";

const RETRIED = {
  transient: "yes, on a new connection, with growing pauses, until it works",
  conflict: "yes, the whole transaction, with jitter",
  "unknown-outcome": "the outcome is read first; then the same batch again where it did not land",
  fenced: "no; the process stops and does not start itself again",
  row: "no; the row is parked as a dead letter, the rest goes on",
  "too-large": "yes, in smaller transactions",
  schema: "the catalogue is read again; no, if the table still does not fit",
  loss: "no; `on-loss` decides whether the tables are loaded again or the pipeline stops",
  config: "no; it stops until somebody has changed something",
  bug: "no; it stops before anything is acknowledged",
} as const satisfies Record<ErrorClass, string>;

/** Whether a failure of this class is tried again, in words. */
export function retriedText(errorClass: ErrorClass): string {
  return RETRIED[errorClass];
}

/** `docs/operations/errors.md`, made from the catalogue. */
export function errorReference(): string {
  const entries: readonly [string, CatalogueEntry][] = Object.entries(CATALOGUE);
  const sections = entries.map(
    ([code, { class: errorClass, meaning, remedy }]) =>
      `## ${code}\n\n${meaning}\n\n- Class: \`${errorClass}\`\n- Retried: ${retriedText(errorClass)}\n- To do: ${remedy}\n`,
  );
  return `${HEADER}\n${sections.join("\n")}`;
}

const HEADER = `# Errors

Made from the catalogue by \`node packages/millrace/src/cli/write-reference.ts\`; do not edit it by hand.

Every error has a code that never changes, a class that decides whether it is tried again, and a sentence that says what
to do. Messages carry names, numbers and SQLSTATEs, never a secret and never a value of a row. \`millrace errors CODE\`
shows an entry. What becomes of rows that cannot be applied: [dead letters](dead-letters.md); how a pipeline is watched:
[running](running.md).
`;
