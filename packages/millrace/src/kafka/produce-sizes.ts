/** How much goes to a broker in one Produce. */
import { KafkaFault } from "./kafka-fault.ts";

/** Where the connection of a request of so many bytes is lost, its size may be why. */
const LARGE_REQUEST_BYTES = 2 ** 20;

interface Sized {
  readonly bytes: Buffer;
}

/** Batches of one broker, as they go together: a broker hangs up on a request that is larger than it reads. */
export function inRequests<Batch extends Sized>(
  batches: readonly Batch[],
  maxBytes = Infinity,
): readonly (readonly Batch[])[] {
  const requests: Batch[][] = [];
  let left = 0;
  for (const batch of batches) {
    const last = requests.at(-1);
    if (last === undefined || batch.bytes.length > left) {
      requests.push([batch]);
      left = maxBytes;
    } else last.push(batch);
    left -= batch.bytes.length;
  }
  return requests;
}

/** Of all of them. */
export function bytesOf(batches: readonly Sized[]): number {
  return batches.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** A broker that is sent more than it reads hangs up without a word. */
export function explained(fault: KafkaFault, bytes: number): KafkaFault {
  if (fault.kind !== "connection" || bytes < LARGE_REQUEST_BYTES) return fault;
  const { kind, id, message, topic } = fault;
  const why = `the request had ${bytes} bytes; a broker hangs up on one that is larger than its socket.request.max.bytes`;
  return new KafkaFault(kind, id, `${message} (${why})`, fault, topic);
}
