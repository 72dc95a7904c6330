import { writeHeartbeat } from "../../formats/meta-messages.ts";
import type { Commit } from "../../model/sink.ts";
import type { SideOutput } from "./side-output.ts";
import type { SideTeller } from "./side-teller.ts";

/** A heartbeat with the first transaction behind each interval, which it asks for: whoever reads it knows how far the log was followed. */
export class HeartbeatTeller implements SideTeller {
  readonly #output: SideOutput;
  readonly #serverName: string;
  readonly #intervalMs: number;
  #lastMs = -Infinity;
  #toldMs: number | null = null;

  constructor(output: SideOutput, serverName: string, intervalMs: number) {
    this.#output = output;
    this.#serverName = serverName;
    this.#intervalMs = intervalMs;
  }

  /** See {@link SideTeller.isDue}. */
  isDue(nowMs: number): boolean {
    const sinceMs = nowMs - this.#lastMs;
    // A clock that was set back begins a new interval: else nothing would be told until it is where it was.
    return sinceMs < 0 || sinceMs >= this.#intervalMs;
  }

  /** See {@link SideTeller.begin}. */
  begin(_commit: Commit, nowMs: number): void {
    if (!this.isDue(nowMs)) return;
    writeHeartbeat(this.#serverName, nowMs, this.#output.key, this.#output.value);
    this.#output.message(nowMs);
    this.#toldMs = nowMs;
  }

  /** See {@link SideTeller.done}. */
  done(): void {
    this.#lastMs = this.#toldMs ?? this.#lastMs;
    this.#toldMs = null;
  }

  /** See {@link SideTeller.undone}. */
  undone(): void {
    this.#toldMs = null;
  }
}
