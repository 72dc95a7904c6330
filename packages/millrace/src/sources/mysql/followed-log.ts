import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogBatch } from "../../model/change.ts";
import type { Position } from "../../model/position.ts";
import type { SourceLog } from "../../model/source.ts";
import { logPosition } from "./position.ts";

/** What the source learns from a log that is read. */
export interface LogFollower {
  /** Where the log begins, in the words of its server; null where that is in the midst of another server's group. */
  readonly entered: Position | null;
  /** All up to here is durable at the sink. */
  acknowledged(position: Position): void;
  /** Another reader of the server has our id. */
  clashed(): void;
}

/** A log, and somebody who follows how it is read. */
export class FollowedLog implements SourceLog {
  readonly #log: SourceLog;
  readonly #follower: LogFollower;
  /** Given once: a server that rests tells nothing that would end a replay, or say that the pipeline has come to its log. */
  #entered: Position | null;

  constructor(log: SourceLog, follower: LogFollower) {
    this.#log = log;
    this.#follower = follower;
    this.#entered = follower.entered;
  }

  async next(): Promise<LogBatch> {
    const position = this.#entered;
    this.#entered = null;
    if (position !== null) {
      const [, event, row] = logPosition(position);
      const acknowledge = event === 0 && row === 0 ? position : null;
      return { items: [], position, acknowledge, sourceTimeMs: null, bytes: 0 };
    }
    try {
      return await this.#log.next();
    } catch (error) {
      if (error instanceof MillraceError && error.code === "MR_SOURCE_SLOT_BUSY")
        this.#follower.clashed();
      throw error;
    }
  }

  acknowledge(position: Position): void {
    this.#log.acknowledge(position);
    this.#follower.acknowledged(position);
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}
