import type { POSTGRES_SOURCE_OPTIONS } from "./options/postgres-source-options.ts";
import type { Findings, Section } from "./section.ts";

/** What the options that protect the source say to each other, and what a file leaves unprotected. */
export function checkProtection(
  section: Section<typeof POSTGRES_SOURCE_OPTIONS>,
  findings: Findings,
): void {
  const { values, given } = section;
  const { maxRetainedBytes, maxRetainedAction, onLoss } = values;
  const action = "slot.max-retained.action";
  const place = given.get(action) ?? section.place;
  if (given.has(action) && maxRetainedBytes === null && !section.failed.has("slot.max-retained"))
    findings.problem(
      place,
      `source.${action}`,
      "is given without slot.max-retained",
      "Write slot.max-retained: 50gb, or what the server's disk can spare",
    );
  if (maxRetainedAction === "resync" && onLoss === "fail")
    findings.problem(
      place,
      `source.${action}`,
      "is resync, but on-loss is fail: a slot that was given up is a loss, which nobody can tell from another one after a restart",
      "Write on-loss: resync as well, or slot.max-retained.action: pause-load",
    );
  if (values.heartbeatIntervalMs === 0)
    findings.notice(
      given.get("heartbeat.interval") ?? section.place,
      "source.heartbeat.interval",
      "is 0: while the captured tables rest, the slot keeps the log of everything else that the server writes, until its disk is full",
    );
}
