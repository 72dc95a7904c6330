import type { ShardDescription } from "./api.ts";
import { RETENTION_MS } from "./age-rules.ts";
import { placeIn, type Standing } from "./position.ts";
import { BEGIN, END } from "./sequence.ts";
import { openedMs } from "./shard-id.ts";

/** A shard that is to be read now. */
export interface ShardStart {
  readonly id: string;
  /** Null where nobody knows it: it has none, or is trimmed. */
  readonly parent: string | null;
  /** Behind this sequence number; {@link BEGIN}: from its oldest record on. */
  readonly after: string;
  /** Everything before this is read of it. */
  readonly readToMs: number;
}

interface Node {
  readonly id: string;
  parent: string | null;
  state: "waits" | "read" | "ended";
  /** What was given of it last. */
  place: string;
  readToMs: number;
  isListed: boolean;
  /** Whole listings that have left it out since this tree began; its parent is not known then. */
  missed: number | null;
  hasChildren: boolean;
}

/** What a listing of shards says. */
export interface Listing {
  readonly shards: readonly ShardDescription[];
  /** All shards of the stream, not the children of one. */
  readonly isWhole: boolean;
  /** The service's clock. */
  readonly timeMs: number;
}

const HOUR_MS = 3_600_000;
/** Shards opened so long before the newest one are all known: listings are behind by seconds. More than a shard's usual life. */
const KNOWN_AFTER_MS = 5 * HOUR_MS;
/** Ended shards are remembered for so long: listings may show them again while their records live. */
const REMEMBERED_MS = 2 * RETENTION_MS;
/** A parent that is not listed beside a child of this age is not listed yet; of an older one it is trimmed. */
const ORPHAN_MS = RETENTION_MS - 2 * HOUR_MS;
/** Whole listings that have to leave out the parent of a young shard before it is believed to be gone. */
const ORPHAN_LISTINGS = 10;

/**
 * Shards of a stream with how far each was given to the pipeline: who may be read (parents before their children, I2), what the
 * standing is. Pure state, no I/O. Listings may be inconsistent: closed parents without children, children beside an open
 * parent, parents that are not there (yet, or any more).
 */
export class ShardTree {
  readonly #nodes = new Map<string, Node>();
  readonly #from: Standing;
  /** Parents that listings leave out, with how often they did. */
  readonly #missingParents = new Map<string, number>();
  /** Those that nobody had seen when their children were begun, by this run or one before. */
  readonly #passedBy: Set<string>;
  #isDisabled = false;
  #isListed = false;
  #done: number;
  #timeMs: number;
  #standing: Standing;
  #isStale = false;

  constructor(from: Standing) {
    this.#from = from;
    this.#standing = from;
    this.#passedBy = new Set(from.passedBy);
    this.#done = from.done;
    this.#timeMs = from.timeMs;
    for (const [id, place] of Object.entries(from.shards))
      this.#nodes.set(id, {
        ...this.#node(id, null),
        place,
        state: place === END ? "ended" : "waits",
      });
  }

  /**
   * What a listing adds to what is known. Gives shards that turn up though everything of their age counts as read, or whose
   * children were begun (a first page may be under way): what they have can be given in no right order any more (I8).
   */
  merge({ shards, isWhole, timeMs }: Listing): readonly string[] {
    const parents = new Set(shards.map(({ parent }) => parent));
    const late = shards.filter((shard) => this.#add(shard, parents.has(shard.id)));
    if (isWhole) {
      const there = new Set(shards.map(({ id }) => id));
      for (const node of this.#nodes.values()) {
        node.isListed = there.has(node.id);
        if (node.missed !== null) node.missed++;
      }
      if (!this.#isListed) this.#endParentsOfBegun();
      this.#countMissingParents(timeMs);
      this.#forgetPassedBy(timeMs);
      this.#settle();
      this.#know(shards, timeMs);
    }
    return late.map(({ id }) => id);
  }

  /** No shard gets children any more. */
  disable(): void {
    this.#isDisabled = true;
    this.#renew();
  }

  /** Shards that may be read from now on, each once: their parents were given whole. */
  take(): ShardStart[] {
    const ready = [...this.#nodes.values()].filter(
      (node) => node.state === "waits" && this.#mayBegin(node),
    );
    for (const node of ready) {
      const parent = this.#parentOf(node);
      if (parent !== undefined) node.readToMs = Math.max(node.readToMs, parent.readToMs);
      this.#passBy(node);
      node.state = "read";
    }
    return ready.map((node) => startOf(node, this.#parentOf(node)));
  }

  /** Records of a shard were given up to this sequence number, and everything before this time. */
  given(id: string, place: string | null, readToMs: number): void {
    const node = this.#nodes.get(id);
    if (node === undefined) return;
    node.place = place ?? node.place;
    node.readToMs = Math.max(node.readToMs, readToMs);
    this.#renew();
  }

  /** Its last record was given. */
  ended(id: string): void {
    const node = this.#nodes.get(id);
    if (node === undefined) return;
    node.state = "ended";
    node.place = END;
    this.#renew();
  }

  /** Ended shards whose children nobody has listed yet. */
  childless(): string[] {
    if (this.#isDisabled) return [];
    return [...this.#nodes.values()].filter(isChildless).map(({ id }) => id);
  }

  /** Shards that wait for a listing that shows their parents, or themselves. */
  orphans(): string[] {
    const isOrphan = ({ state, parent, missed }: Node): boolean =>
      state === "waits" &&
      (missed !== null || (parent !== null && this.#missingParents.has(parent)));
    return [...this.#nodes.values()].filter(isOrphan).map(({ id }) => id);
  }

  /** Nothing is read, and nothing will be. */
  get isOver(): boolean {
    if (!this.#isDisabled || !this.#isListed) return false;
    return [...this.#nodes.values()].every(({ state }) => state === "ended");
  }

  /** Everything that was changed before this was given. */
  get timeMs(): number {
    if (this.#isStale) this.#timeMs = Math.max(this.#timeMs, this.#readToMs());
    return this.#timeMs;
  }

  /** What was given; the same object as long as it is the same. */
  get standing(): Standing {
    if (!this.#isStale) return this.#standing;
    const { timeMs } = this;
    this.#isStale = false;
    const shards: Record<string, string> = {};
    for (const { id, state, place } of this.#nodes.values())
      if (state !== "ended" || openedMs(id) > this.#done) shards[id] = place;
    const { passedBy: _, ...from } = this.#from;
    const passedBy = this.#passedBy.size === 0 ? {} : { passedBy: [...this.#passedBy] };
    this.#standing = { ...from, shards, timeMs, done: this.#done, ...passedBy };
    return this.#standing;
  }

  /** True where it was taken for read to its end, and cannot be. */
  #add({ id, parent, ending }: ShardDescription, hasChildren: boolean): boolean {
    if (parent !== null) {
      const node = this.#nodes.get(parent);
      if (node !== undefined) node.hasChildren = true;
    }
    const known = this.#nodes.get(id);
    if (known !== undefined) {
      known.parent ??= parent;
      known.missed = null;
      return false;
    }
    const node = this.#node(id, parent);
    node.isListed = true;
    node.missed = null;
    node.place = placeIn({ ...this.#from, done: this.#done }, id);
    node.state = node.place === END ? "ended" : "waits";
    this.#nodes.set(id, node);
    if (this.#passedBy.has(id)) return true;
    // An earlier run has read it. Not if it was not known when this one took all of its age for known, nor if it is open still.
    if (node.state === "ended")
      return openedMs(id) > this.#from.done || (ending === null && !hasChildren);
    return this.#isListed && this.#hasBegunChild(id);
  }

  #hasBegunChild(id: string): boolean {
    const children = [...this.#nodes.values()].filter(({ parent }) => parent === id);
    return children.some(({ state, place }) => state !== "waits" || place !== BEGIN);
  }

  /**
   * Who has begun a child has read its parents, though nothing tells of them (state that another program left; a parent without
   * records). A late one is to be read all the same, and one that was passed by is a loss.
   */
  #endParentsOfBegun(): void {
    const late = new Set(this.#from.late);
    const isUntold = ({ id, place }: Node): boolean =>
      place === BEGIN && !late.has(id) && !this.#passedBy.has(id);
    for (const begun of this.#nodes.values()) {
      if (begun.place === BEGIN) continue;
      let at = this.#parentOf(begun);
      for (; at !== undefined && isUntold(at); at = this.#parentOf(at)) {
        at.state = "ended";
        at.place = END;
      }
    }
  }

  #parentOf({ parent }: Node): Node | undefined {
    return parent === null ? undefined : this.#nodes.get(parent);
  }

  #node(id: string, parent: string | null): Node {
    const [readToMs, place] = [this.#timeMs, BEGIN];
    const listed = { isListed: false, missed: 0, hasChildren: false };
    return { id, parent, state: "waits", place, readToMs, ...listed };
  }

  /** What a whole listing leaves sure: who has children, and who is forgotten. */
  #settle(): void {
    this.#isListed = true;
    for (const node of this.#nodes.values()) {
      const parent = this.#parentOf(node);
      if (parent !== undefined) parent.hasChildren = true;
    }
    for (const { id, state, isListed } of this.#nodes.values())
      if (state === "ended" && !isListed && openedMs(id) <= this.#done - REMEMBERED_MS)
        this.#nodes.delete(id);
    this.#renew();
  }

  /** A listing that leaves out no parent tells of all shards that are old enough. */
  #know(shards: readonly ShardDescription[], timeMs: number): void {
    const there = new Set(shards.map(({ id }) => id));
    const isParted = ({ id, parent }: ShardDescription): boolean =>
      parent !== null && !there.has(parent) && openedMs(id) > timeMs - ORPHAN_MS;
    if (shards.some(isParted)) return;
    const opened = shards.map(({ id }) => openedMs(id)).filter(Number.isFinite);
    const newest = opened.reduce((a, b) => Math.max(a, b), 0);
    this.#done = Math.max(this.#done, newest - KNOWN_AFTER_MS);
  }

  #countMissingParents(timeMs: number): void {
    const missing = new Set<string>();
    for (const { id, parent, state } of this.#nodes.values()) {
      if (state !== "waits" || parent === null || this.#nodes.has(parent)) continue;
      if (this.#passedBy.has(parent)) continue;
      if (placeIn({ ...this.#from, done: this.#done }, parent) === END) continue;
      if (openedMs(id) > timeMs - ORPHAN_MS) missing.add(parent);
    }
    for (const parent of this.#missingParents.keys())
      if (!missing.has(parent)) this.#missingParents.delete(parent);
    for (const parent of missing)
      this.#missingParents.set(parent, (this.#missingParents.get(parent) ?? 0) + 1);
    for (const [parent, times] of this.#missingParents)
      if (times >= ORPHAN_LISTINGS) this.#missingParents.delete(parent);
  }

  /** A shard is begun whose parent nobody has seen. */
  #passBy({ place, parent }: Node): void {
    if (place !== BEGIN || parent === null || this.#nodes.has(parent)) return;
    if (placeIn({ ...this.#from, done: this.#done }, parent) === END) return;
    this.#passedBy.add(parent);
    this.#renew();
  }

  /** What is older than a stream's records has none any more. */
  #forgetPassedBy(timeMs: number): void {
    for (const parent of this.#passedBy)
      if (openedMs(parent) < timeMs - REMEMBERED_MS) this.#passedBy.delete(parent);
  }

  /** What was begun goes on, whatever is known of its parent. Who is nowhere to be seen is asked for himself in the end. */
  #mayBegin(node: Node): boolean {
    if (node.place !== BEGIN) return true;
    if (node.missed !== null) return node.missed >= ORPHAN_LISTINGS;
    if (node.parent === null) return true;
    const parent = this.#parentOf(node);
    return parent === undefined ? !this.#missingParents.has(node.parent) : parent.state === "ended";
  }

  #renew(): void {
    this.#isStale = true;
  }

  /** The least over what may still bring records. Who waits for a parent is behind that one. */
  #readToMs(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const node of this.#nodes.values())
      if (node.state === "read" || (this.#isHeld(node) && !this.#isDisabled))
        least = Math.min(least, node.readToMs);
    return Number.isFinite(least) ? least : this.#timeMs;
  }

  #isHeld(node: Node): boolean {
    if (node.state === "ended") return isChildless(node);
    const parent = this.#parentOf(node);
    return parent === undefined || parent.state === "ended";
  }
}

function isChildless({ state, hasChildren, isListed }: Node): boolean {
  return state === "ended" && isListed && !hasChildren;
}

function startOf({ id, place, readToMs }: Node, parent: Node | undefined): ShardStart {
  return { id, parent: parent?.id ?? null, after: place, readToMs };
}
