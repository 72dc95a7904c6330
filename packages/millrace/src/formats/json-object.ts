/*
 * Hot: members of JSON objects. Documents that follow one another mostly have the same members in the same order, so that
 * objects share their names, and a reader goes by those of the last one.
 */
import type { JsonRead } from "./json-reader.ts";

/** Lists of names that are kept of one place in documents; the newest is guessed first (I10). */
const MAX_KNOWN = 8;
/** Longer ones are mostly keys of maps, which are others in the next document: they are not kept (I10). */
const MAX_LIST_BYTES = 131_072;
/** What a name takes beside its bytes, which it has twice. */
const NAME_BYTES = 192;

/** Names of members in their order, each once. Shared: whatever is known of a list of names may be kept by it. */
export class MemberNames {
  readonly all: readonly string[];
  /** Each as it stands between quotation marks. */
  readonly #written: readonly Uint8Array[];
  readonly #inner: (NamePlace | undefined)[];
  #indexes: ReadonlyMap<string, number> | null = null;

  constructor(all: readonly string[], written: readonly Uint8Array[] = all.map(bytesOf)) {
    this.all = all;
    this.#written = written;
    this.#inner = all.map(() => undefined);
  }

  /** Where a name stands; undefined where it is none of them. */
  indexOf(name: string): number | undefined {
    this.#indexes ??= new Map(this.all.map((each, index) => [each, index]));
    return this.#indexes.get(name);
  }

  /** Where these bytes have the name of that member and the mark behind it: the place behind both; −1 where they have not. */
  match(index: number, bytes: Uint8Array, from: number): number {
    const name = this.#written[index];
    if (name === undefined) return -1;
    const end = from + name.length;
    // Names mostly differ in their length or at their end.
    if (bytes[end] !== 0x22) return -1;
    for (let at = name.length - 1; at >= 0; at--) if (bytes[from + at] !== name[at]) return -1;
    return end + 1;
  }

  /** Whether the first `count` names are those of `other`. */
  begins(other: readonly string[], count: number): boolean {
    for (let at = 0; at < count; at++) if (this.all[at] !== other[at]) return false;
    return true;
  }

  /** The first `count` names, as they stand between quotation marks. */
  written(count: number): Uint8Array[] {
    return this.#written.slice(0, count);
  }

  /** The place of a member's own members. */
  inner(index: number): NamePlace {
    return (this.#inner[index] ??= new NamePlace());
  }
}

function bytesOf(name: string): Uint8Array {
  return Buffer.from(JSON.stringify(name).slice(1, -1));
}

/** A place in documents where objects stand. */
export class NamePlace {
  readonly #known: MemberNames[] = [];

  /** The names that the last object here had. */
  get last(): MemberNames | null {
    return this.#known[0] ?? null;
  }

  /** Names that begin as the first `count` of `begun` do, and go on with what stands there; null where none is known. */
  another(begun: MemberNames, count: number, bytes: Uint8Array, from: number): MemberNames | null {
    for (const names of this.#known)
      if (names !== begun && names.begins(begun.all, count) && names.match(count, bytes, from) >= 0)
        return names;
    return null;
  }

  /** The same list for the same names, where it is short. They may be parts of a large text, which is not to be kept for them. */
  namesOf(all: readonly string[], written: readonly Uint8Array[]): MemberNames {
    const found = this.#known.find(
      (known) => known.all.length === all.length && known.begins(all, all.length),
    );
    const names = found ?? new MemberNames(all.map(ownText), written.map(ownBytes));
    if (found !== undefined || isShort(written)) this.saw(names);
    return names;
  }

  /** An object with these names stood here. */
  saw(names: MemberNames): void {
    const known = this.#known;
    if (known[0] === names) return;
    const at = known.indexOf(names);
    if (at > 0) known.splice(at, 1);
    known.unshift(names);
    if (known.length > MAX_KNOWN) known.pop();
  }
}

function isShort(written: readonly Uint8Array[]): boolean {
  let bytes = written.length * NAME_BYTES;
  for (const { length } of written) bytes += 2 * length;
  return bytes <= MAX_LIST_BYTES;
}

/** Shorter parts are no parts to V8. */
const PART_CHARS = 13;

function ownText(text: string): string {
  return text.length < PART_CHARS ? text : Buffer.from(text, "utf16le").toString("utf16le");
}

function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** An object of JSON: its members in their order. */
export class JsonObject {
  readonly names: MemberNames;
  readonly values: readonly JsonRead[];

  constructor(names: MemberNames, values: readonly JsonRead[]) {
    this.names = names;
    this.values = values;
  }

  static of(members: readonly (readonly [name: string, value: JsonRead])[]): JsonObject {
    const names = new MemberNames(members.map(([name]) => name));
    return new JsonObject(
      names,
      members.map(([, value]) => value),
    );
  }

  get size(): number {
    return this.values.length;
  }

  get(name: string): JsonRead | undefined {
    const index = this.names.indexOf(name);
    return index === undefined ? undefined : this.values[index];
  }

  has(name: string): boolean {
    return this.names.indexOf(name) !== undefined;
  }

  keys(): readonly string[] {
    return this.names.all;
  }

  entries(): (readonly [name: string, value: JsonRead])[] {
    return this.names.all.map((name, index) => [name, this.values[index] ?? null]);
  }
}
