/** Messages of the extended protocol that wait for the next Execute, Sync or Flush. */
import { Type } from "../wire/messages.ts";
import type { FrameSink } from "./answer.ts";

/** One per session. */
export class Pending {
  #frames: Buffer[] = [];
  #binds = false;
  /** Names in Parse messages that were sent to PostgreSQL, and how many of them it has taken. */
  #parsedNames: string[] = [];
  #parsesTaken = 0;
  /** Hands answers on to the client and watches what became of the Parse messages. */
  readonly sink: FrameSink;

  constructor(client: FrameSink) {
    this.sink = {
      add: (frame) => {
        if (frame[0] === Type.parseComplete) this.#parsesTaken++;
        client.add(frame);
      },
    };
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0;
  }

  /** Whether a portal is among them, which needs its transaction. */
  get binds(): boolean {
    return this.#binds;
  }

  /** Adds a message; `parsedName` when it is a Parse. */
  add(message: Buffer, parsedName?: string): void {
    this.#frames.push(message);
    if (parsedName !== undefined) this.#parsedNames.push(parsedName);
    if (message[0] === Type.bind) this.#binds = true;
  }

  /** Takes all of them, to be sent. */
  take(): Buffer[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#binds = false;
    return frames;
  }

  /** What was sent went well. */
  settle(): void {
    this.#parsedNames = [];
    this.#parsesTaken = 0;
  }

  /** An error: nothing waits any more; gives the names whose Parse came to nothing. */
  fail(): string[] {
    this.take();
    const lost = this.#parsedNames.slice(this.#parsesTaken);
    this.settle();
    return lost;
  }
}
