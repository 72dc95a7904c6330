/** Messages of the extended protocol that wait for the next Execute, Sync or Flush. */
import { cutDescription } from "../wire/last-column.ts";
import { Frames, Type } from "../wire/messages.ts";
import type { FrameSink } from "./answer.ts";

/**
 * A message came to nothing, because of an error at it, with this SQLSTATE, or before it. Called from the last message to
 * the first, as things are taken back.
 */
export type Lost = (failedWith: string | undefined) => void;

/** What becomes of PostgreSQL's answer to a Parse, Bind, Close or Describe. */
export interface AnswerPlan {
  /**
   * `all`: the message is ours, the client hears nothing; `rows`: the rows described are ours, the client gets none;
   * `last-column`: only the last column is.
   */
  readonly hides?: "all" | "rows" | "last-column";
  readonly lost?: Lost;
  /** Called when the message is sent. */
  readonly sent?: () => void;
}

const NOTHING: AnswerPlan = {};

/** One per session. */
export class Pending {
  #frames: Buffer[] = [];
  #binds = false;
  /** Of each Parse, Bind, Close and Describe that has not been answered, in order. */
  #plans: AnswerPlan[] = [];
  /** Those of them whose messages wait. */
  #unsent: AnswerPlan[] = [];
  /** Hands answers on to the client, without what is ours. */
  readonly sink: FrameSink;

  constructor(client: FrameSink) {
    this.sink = {
      add: (frame) => {
        const told = this.#tell(frame);
        if (told !== undefined) client.add(told);
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

  /** Adds a message. */
  add(message: Buffer, plan: AnswerPlan = NOTHING): void {
    this.#frames.push(message);
    this.#plans.push(plan);
    this.#unsent.push(plan);
    if (message[0] === Type.bind) this.#binds = true;
  }

  /** Takes all of them, to be sent. */
  take(): Buffer[] {
    const frames = this.#drop();
    for (const plan of this.#unsent.splice(0)) plan.sent?.();
    return frames;
  }

  #drop(): Buffer[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#binds = false;
    return frames;
  }

  /** An error with this SQLSTATE: nothing waits any more. */
  fail(code: string): void {
    this.#drop();
    this.#unsent.length = 0;
    const plans = this.#plans.splice(0);
    for (let at = plans.length - 1; at >= 0; at--) plans[at]?.lost?.(at === 0 ? code : undefined);
  }

  #tell(frame: Buffer): Buffer | undefined {
    switch (frame[0]) {
      case Type.parseComplete:
      case Type.bindComplete:
      case Type.closeComplete:
      case Type.noData:
      case Type.rowDescription: {
        const { hides } = this.#plans.shift() ?? NOTHING;
        if (hides === "all") return undefined;
        if (hides === "rows") return Frames.noData;
        return hides === "last-column" ? cutDescription(frame) : frame;
      }
      default:
        return frame;
    }
  }
}
