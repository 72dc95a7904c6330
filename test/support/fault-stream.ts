/** One direction of a connection through the fault proxy. */
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Most bytes that wait in one direction before the sender is no longer read. */
const MOST_QUEUED_BYTES = 262_144;
const THROTTLE_STEP_MS = 20;

interface Piece {
  readonly bytes: Buffer;
  readonly arrivedAtMs: number;
}

/** One direction: bytes wait in order, and are sent on as the faults let them. */
export class FaultStream {
  readonly from: Socket;
  readonly to: Socket;
  /** Bytes taken in so far. */
  taken = 0;
  delayMs = 0;
  bytesPerSecond = Number.POSITIVE_INFINITY;
  swallows = false;
  /** Nothing behind this offset is sent on until {@link release}. */
  heldFrom = Number.POSITIVE_INFINITY;
  #held: Buffer[] = [];
  #sent = 0;
  #queuedBytes = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(from: Socket, to: Socket) {
    this.from = from;
    this.to = to;
  }

  push(bytes: Buffer): void {
    this.taken += bytes.length;
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes > MOST_QUEUED_BYTES) this.from.pause();
    this.afterwards(() => this.#send({ bytes, arrivedAtMs: performance.now() }, bytes.length));
  }

  /** Does something once everything that came before has been sent on. */
  afterwards(act: () => void | Promise<void>): void {
    this.#work = this.#work.then(act).catch(() => undefined);
  }

  /** Sends on what was held. */
  release(): void {
    this.heldFrom = Number.POSITIVE_INFINITY;
    for (const bytes of this.#held.splice(0)) this.#write(bytes);
  }

  async #send({ bytes, arrivedAtMs }: Piece, queued: number): Promise<void> {
    if (this.delayMs > 0) await sleep(arrivedAtMs + this.delayMs - performance.now());
    const free = Math.max(0, Math.min(bytes.length, this.heldFrom - this.#sent));
    this.#sent += bytes.length;
    await this.#slowly(bytes.subarray(0, free));
    if (free < bytes.length) this.#held.push(bytes.subarray(free));
    this.#queuedBytes -= queued;
    if (this.#queuedBytes <= MOST_QUEUED_BYTES) this.from.resume();
  }

  async #slowly(bytes: Buffer): Promise<void> {
    const step = Math.max(1, Math.floor((this.bytesPerSecond * THROTTLE_STEP_MS) / 1000));
    for (let at = 0; at < bytes.length; at += step) {
      if (!this.#write(bytes.subarray(at, at + step))) await this.#drained();
      if (step < Number.POSITIVE_INFINITY) await sleep(THROTTLE_STEP_MS);
    }
  }

  #write(bytes: Buffer): boolean {
    if (this.swallows || !this.to.writable || bytes.length === 0) return true;
    return this.to.write(bytes);
  }

  #drained(): Promise<void> {
    const { to } = this;
    return new Promise((resolve) => {
      const done = (): void => {
        to.off("drain", done).off("close", done);
        resolve();
      };
      to.once("drain", done).once("close", done);
    });
  }
}
