/** What a state topic says of itself: whose it is, and where it begins. Keys and values as those of a task's records. */
import type { HolderMark } from "../../model/holder.ts";
import type { Json } from "../../model/position.ts";
import {
  parsed,
  put,
  storedHolder,
  type StateRecord,
  type StoredHolder,
  textsIn,
} from "./state-records.ts";

type Stored = Json & StoredHolder;

/** Another pipeline that the topic is taken for. */
export interface ForeignTask {
  readonly pipeline: string;
  readonly mark: HolderMark;
  /** It has begun to take a task over, and was not seen to have done so. */
  readonly isClaim: boolean;
}

interface Claim {
  readonly offset: number;
  readonly mark: Stored;
}

/** Reads them, one record after the other. */
export class TopicMarkReader {
  readonly #holders = new Map<string, Stored>();
  readonly #claims = new Map<string, Claim>();
  #begin = 0;

  /** Takes the next record. @throws KafkaFault `corrupt` */
  take(keyBytes: Buffer | null, valueBytes: Buffer | null, offset: number): void {
    const [kind, task = "", pipeline = ""] = textsIn(parsed(keyBytes));
    if (kind === "holder") put(this.#holders, task, parsed(valueBytes) as Stored | null);
    else if (kind === "begin") this.#begin = beginIn(parsed(valueBytes));
    else if (kind === "claim") {
      const mark = parsed(valueBytes) as Stored | null;
      put(this.#claims, claimKey(pipeline, task), mark === null ? null : { offset, mark });
    }
  }

  /** Nothing that is wanted stands before this offset: what was there is given up. */
  get begin(): number {
    return this.#begin;
  }

  /** A task was taken over under this name: who comes later is refused. */
  isNamed(pipeline: string): boolean {
    return [...this.#holders.values()].some((holder) => holder.pipeline === pipeline);
  }

  /** The pipeline has claimed the topic with this task, and not taken the task over. */
  isClaimed(pipeline: string, task: string): boolean {
    return this.#claims.has(claimKey(pipeline, task));
  }

  /**
   * Whose it is, where it is another pipeline's: by the holders' names, and before there are any by the claim that stands first.
   * Tasks without a name were taken over by an older program: they are taken for ours.
   */
  foreign(pipeline: string): ForeignTask | null {
    const names = [...this.#holders.values()].filter((mark) => mark.pipeline !== undefined);
    // In the order of the topic, which is not the one in which transactions are decided.
    const [first] = [...this.#claims.values()].toSorted((a, b) => a.offset - b.offset);
    const claims = names.length > 0 || first === undefined ? [] : [first.mark];
    const mark = [...names, ...claims].find((each) => each.pipeline !== pipeline);
    if (mark?.pipeline === undefined) return null;
    return { pipeline: mark.pipeline, mark, isClaim: names.length === 0 };
  }
}

/** What stood before this offset of the state topic is given up. */
export function beginRecord(offset: number): StateRecord {
  return { key: ["begin"], value: { offset } };
}

/** A pipeline wants the topic for its own; with null no more. */
export function claimRecord(
  { pipeline, task }: { readonly pipeline: string; readonly task: string },
  mark: HolderMark | null,
): StateRecord {
  const value = mark === null ? null : storedHolder(pipeline, mark);
  return { key: ["claim", task, pipeline], value };
}

function claimKey(pipeline: string, task: string): string {
  return JSON.stringify([pipeline, task]);
}

function beginIn(value: Json | null): number {
  if (value === null || typeof value !== "object" || !("offset" in value)) return 0;
  return Number(value.offset);
}
