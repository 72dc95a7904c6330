import type { SourceRetention } from "../../model/source.ts";
import { RETENTION_MS } from "./age-rules.ts";
import type { ServiceClock } from "./service-clock.ts";

/** Records live for 24 hours, whoever has read them; how much that is the service does not tell. */
export function streamRetention(clock: ServiceClock): SourceRetention {
  return {
    retainedBytes: 0,
    isUnmeasured: true,
    acknowledgedBytes: 0,
    limitBytes: null,
    expireSeconds: RETENTION_MS / 1_000,
    timeMs: clock.nowMs(),
  };
}
