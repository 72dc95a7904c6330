import { MillraceError } from "../errors/millrace-error.ts";
import { connectionHelp } from "./connection-help.ts";
import type { KafkaFault } from "./kafka-fault.ts";

const OF_TOPICS = new Set(["TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"]);

/** What somebody has to change: where it is an option of the file, its name and what to write. */
export function configError(
  fault: KafkaFault,
  {
    code,
    section,
  }: { readonly code: "MR_SINK_REFUSED" | "MR_SOURCE_REFUSED"; readonly section: string },
): MillraceError {
  const help = connectionHelp(fault);
  const facts = { kafka: fault.id };
  if (help === null) return new MillraceError(code, fault.message, { cause: fault, facts });
  return new MillraceError(code, fault.message, {
    cause: fault,
    remedy: help.remedy,
    facts: { ...facts, option: `${section}.${help.option}` },
  });
}

/**
 * What the broker says of a right that is missing, with the rights that are `needed`, by the fault's id: the same words
 * whichever request met it. There are several topics; of each other kind of thing that rights are of there is one.
 */
export function rightsText(
  { id, message }: KafkaFault,
  needed: Readonly<Record<string, string>>,
): string {
  const rights = needed[id];
  if (rights === undefined) return message;
  const what = OF_TOPICS.has(id) ? message : id;
  return `${what}; the user needs ${rights}`;
}
