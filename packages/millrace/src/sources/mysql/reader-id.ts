import { createHash } from "node:crypto";
import type { ServerIdRange } from "./options.ts";

/** Above what people number their servers by. */
const DERIVED: ServerIdRange = { from: 1_000_000_000, to: 4_294_967_294 };

/** What a server knows a reader of its log by. */
export interface ReaderId {
  /** Differs from that of each replica and each other reader. */
  readonly serverId: number;
  /** An older reader that has it is ended by the server (MySQL; MariaDB goes by the id). */
  readonly uuid: string;
}

/**
 * The same for each run of a pipeline, so that a reader that was left behind ends. `attempt` counts how often another
 * reader turned out to have the id: the next one of the range is tried.
 */
export function readerId(pipeline: string, range: ServerIdRange | null, attempt: number): ReaderId {
  const { from, to } = range ?? DERIVED;
  const digest = createHash("sha256").update(pipeline).digest();
  const serverId = from + ((digest.readUInt32LE(0) + attempt) % (to - from + 1));
  // Two pipelines of one name at one server are parted by the ids that they are given.
  const named = createHash("sha256").update(`${pipeline} ${from} ${to}`).digest("hex");
  const uuid = [8, 4, 4, 4, 12].map((length, index) => named.slice(8 * index, 8 * index + length));
  return { serverId, uuid: uuid.join("-") };
}
