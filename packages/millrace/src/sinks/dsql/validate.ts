import type { Finding } from "../../model/finding.ts";
import { heldRowsFindings } from "./held-rows.ts";
import { observeSink } from "./observed-sink.ts";
import type { ObservedSink } from "./observed-sink.ts";
import type { RetryPorts } from "./retry.ts";
import { untilDone } from "./retry.ts";
import type { SinkConnection } from "./sink-connection.ts";
import type { SinkRequest } from "./sink-request.ts";
import { limitFindings, rightsFindings, serverFindings, stateFindings } from "./sink-rules.ts";
import { keyFindings, targetFindings } from "./target-rules.ts";

const WORST_FIRST: readonly Finding["severity"][] = ["error", "warning", "notice"];

/** What the sink's server says about a pipeline before it is started, worst first. Writes nothing. */
export async function validateSqlSink(
  connection: SinkConnection,
  request: SinkRequest,
  retry: RetryPorts,
): Promise<Finding[]> {
  // A catalogue that changed since the session began is told once, as a conflict.
  const observed = await untilDone(
    () => observeSink(connection, request),
    retry,
    "looking at the sink",
  );
  return sinkFindings(observed, request);
}

/** Pure: what follows from what was observed. */
export function sinkFindings(observed: ObservedSink, request: SinkRequest): Finding[] {
  const all = [
    ...serverFindings(observed, request),
    ...rightsFindings(observed, request),
    ...limitFindings(observed, request),
    ...stateFindings(observed, request),
    ...targetFindings(observed, request),
    ...keyFindings(observed, request),
    ...heldRowsFindings(observed, request),
  ];
  return all.toSorted((a, b) => WORST_FIRST.indexOf(a.severity) - WORST_FIRST.indexOf(b.severity));
}
