import type { Position } from "../model/position.ts";
import type { Mark } from "./lane-item.ts";

/**
 * The contiguous durable prefix of a channel (I3): the newest mark that every lane has passed. Marks are handed out in
 * order; a lane passes a mark once everything before it is durable in that lane.
 */
export class Frontier {
  readonly #passed: number[];
  #marks: Mark[] = [];
  #head = 0;
  #nextSeq = 1;
  #durable: Mark;

  /** `start` is what was durable before this run. */
  constructor(lanes: number, start: { position: Position; acknowledge: Position | null }) {
    this.#passed = Array.from({ length: lanes }, () => 0);
    this.#durable = {
      kind: "mark",
      seq: 0,
      position: start.position,
      acknowledge: start.acknowledge,
      sourceTimeMs: null,
      endsTransaction: true,
    };
  }

  /** The newest mark that all lanes have passed. */
  get durable(): Mark {
    return this.#durable;
  }

  /** Marks that some lane has not passed. */
  get outstanding(): number {
    return this.#marks.length - this.#head;
  }

  /**
   * A new mark for all lanes; null when the newest mark could take the new position itself, because nothing was put
   * into the lanes since (`empty`). So an idle or filtered log costs no memory behind a slow lane (I10).
   */
  mark(
    position: Position,
    acknowledge: Position | null,
    sourceTimeMs: number | null,
    empty: boolean,
  ): Mark | null {
    const last =
      this.#marks.length > this.#head ? this.#marks[this.#marks.length - 1] : this.#durable;
    if (empty && last !== undefined) {
      last.position = position;
      last.acknowledge = acknowledge ?? last.acknowledge;
      last.sourceTimeMs = sourceTimeMs ?? last.sourceTimeMs;
      last.endsTransaction = isEnd(position, acknowledge);
      return null;
    }
    const mark: Mark = {
      kind: "mark",
      seq: this.#nextSeq++,
      position,
      acknowledge: acknowledge ?? last?.acknowledge ?? null,
      sourceTimeMs,
      endsTransaction: isEnd(position, acknowledge),
    };
    this.#marks.push(mark);
    return mark;
  }

  /** `lane` has everything before `mark` durable. True when the frontier moved. */
  pass(lane: number, mark: Mark): boolean {
    this.#passed[lane] = mark.seq;
    const least = Math.min(...this.#passed);
    let moved = false;
    for (
      let next = this.#marks[this.#head];
      next !== undefined && next.seq <= least;
      next = this.#marks[this.#head]
    ) {
      this.#durable = next;
      this.#head++;
      moved = true;
    }
    if (this.#head > 64 && this.#head * 2 > this.#marks.length) {
      this.#marks = this.#marks.slice(this.#head);
      this.#head = 0;
    }
    return moved;
  }
}

/** What the source may forget up to is the end of a finished transaction (I4). */
function isEnd(position: Position, acknowledge: Position | null): boolean {
  if (position === acknowledge) return true;
  return acknowledge !== null && JSON.stringify(position) === JSON.stringify(acknowledge);
}
