import type { SchemaInFront } from "./connect-documents.ts";
import { OtherValue, type FieldReading } from "./connect-reading.ts";
import {
  ExpectedMessage,
  type EnvelopePart,
  type Expectation,
  type ExpectedEnvelope,
  type ReadChange,
} from "./expected-message.ts";
import { ExpectedOrigin, sharedOf } from "./expected-origin.ts";
import { ExpectedRow, type ExpectedMember, type MemberForm } from "./expected-row.ts";
import type { GoneWord } from "./gone-word.ts";
import type { SeenKind } from "./inferred-reading.ts";
import { NotJson } from "./json-reader.ts";
import { MemberLabels } from "./member-labels.ts";
import type { MessageKey } from "./message-key.ts";
import type { MessageOrigin } from "./message-origin.ts";
import type { MessagePlace } from "./message-place.ts";
import type { GrowingShape, Members, ReadShape } from "./read-shape.ts";

/** So many are kept, and tried one after the other: tables share topics, and inserts look other than updates (I10). */
const MAX_EXPECTED = 6;
/** To make one takes as long as to read some ten messages: so many may be made, and one more for so many messages. */
const MAX_CREDIT = 64;
const MESSAGES_PER_CREDIT = 64;
/** Behind so many messages in a row that were not expected, only one of a few is tried. */
const PATIENCE = 32;
const RARELY = 32;

/** A change that was read with care. */
export interface CarefullyRead {
  readonly told: MessageKey;
  /** Whether the message has a key at all. */
  readonly hasKey: boolean;
  readonly keySchema: SchemaInFront;
  /** Debezium's; null where the message is the row itself. */
  readonly envelope: Members | null;
  readonly schema: SchemaInFront;
  readonly before: Members | null;
  readonly after: Members | null;
  readonly source: Members | null;
  readonly origin: MessageOrigin;
  readonly shape: ReadShape;
  /** What the shape grows by; null where the messages' schema says it. */
  readonly growing: GrowingShape | null;
}

/** What the next messages may look like, by those that were read: the newest first. */
export class ExpectedMessages {
  readonly #gone: GoneWord;
  readonly #expected: ExpectedMessage[] = [];
  #credit = MAX_CREDIT;
  #messages = 0;
  #misses = 0;
  /** What the last message looked like, where it was expected. */
  #last: ExpectedMessage | null = null;

  constructor(gone: GoneWord) {
    this.#gone = gone;
  }

  /**
   * Hot: per message. The change, or null where the message has to be read with care. `first` is called where the one before
   * looked other.
   */
  read(place: MessagePlace, first: (expected: Expectation) => void): ReadChange | null {
    if (++this.#messages % MESSAGES_PER_CREDIT === 0)
      this.#credit = Math.min(this.#credit + 1, MAX_CREDIT);
    if (this.#misses > PATIENCE && this.#misses % RARELY !== 0) return this.#missed();
    const all = this.#expected;
    for (let i = 0; i < all.length; i++) {
      const expected = all[i];
      const change = expected === undefined ? null : changeIn(expected, place);
      if (expected === undefined || change === null) continue;
      if (i > 0) this.#toFront(i, expected);
      if (this.#last !== expected) first(expected.expectation);
      this.#last = expected;
      this.#misses = 0;
      return change;
    }
    return this.#missed();
  }

  #missed(): null {
    this.#misses++;
    this.#last = null;
    return null;
  }

  #toFront(index: number, expected: ExpectedMessage): void {
    this.#expected.splice(index, 1);
    this.#expected.unshift(expected);
  }

  /** Messages may follow that look like this one; another one of this form is not looked for any more. */
  learn(read: CarefullyRead): void {
    if (this.#credit === 0) return;
    // Paid for by messages too of which nothing can be expected: to find that out takes as long.
    this.#credit--;
    const made = expectationOf(read, this.#gone);
    if (made === null) return;
    const known = this.#expected.findIndex((each) => isSameForm(each.expectation, made));
    if (known >= 0) this.#expected.splice(known, 1);
    this.#expected.unshift(new ExpectedMessage(made));
    if (this.#expected.length > MAX_EXPECTED) this.#expected.pop();
  }
}

/** What is wrong with a message is told by who reads it with care. */
function changeIn(expected: ExpectedMessage, place: MessagePlace): ReadChange | null {
  try {
    return expected.isGood ? expected.read(place) : null;
  } catch (thrown) {
    if (thrown instanceof NotJson || thrown instanceof OtherValue) return null;
    throw thrown;
  }
}

/** Null where something of it is not told by its bytes alone. */
function expectationOf(read: CarefullyRead, gone: GoneWord): Expectation | null {
  const { told, shape, growing } = read;
  const key = read.hasKey ? keyOf(read, gone) : null;
  if (read.hasKey && key === null) return null;
  const envelope = read.envelope === null ? null : envelopeOf(read, read.envelope);
  if (read.envelope !== null && envelope === null) return null;
  const before = read.before === null ? null : rowIn(read.before, read, gone);
  if (read.before !== null && before === null) return null;
  const after = read.after === null ? null : rowIn(read.after, read, gone);
  if (read.after !== null && after === null) return null;
  return { key, envelope, before, after, shape, growing, told, form: formOf(read) };
}

/** What messages of the same form share. */
function formOf(read: CarefullyRead): readonly unknown[] {
  const { told, keySchema, schema, envelope, before, after, source, shape } = read;
  const names = [told.members, envelope, before, after, source].map((each) => each?.names);
  return [keySchema, schema, shape, source === null ? "" : sharedOf(source), ...names];
}

function isSameForm(a: Expectation, b: Expectation): boolean {
  return a.form.every((part, i) => part === b.form[i]);
}

/** Of a key that is known by its columns and by nothing else. */
function keyOf(read: CarefullyRead, gone: GoneWord): Expectation["key"] {
  const { told, keySchema, growing } = read;
  if (told.members === null || told.whole !== undefined || keySchema === "unknown") return null;
  const members = told.members.keys().map((name) => ({
    form: growing === null ? ("any" as const) : formOfKind(growing.kindOf(name)),
    column: -1,
    reading: null,
  }));
  const row = ExpectedRow.of({ names: told.members.names, members, columns: 0, depth: 1, gone });
  return row === null ? null : { row, prefix: keySchema?.prefix ?? null };
}

const PARTS = new Map<string, EnvelopePart>([
  ["before", "before"],
  ["after", "after"],
  ["source", "source"],
  ["op", "op"],
]);

function envelopeOf(read: CarefullyRead, envelope: Members): ExpectedEnvelope | null {
  const { schema, source } = read;
  const labels = MemberLabels.of(envelope.names);
  const origin = source === null ? null : ExpectedOrigin.of(source, read.origin);
  if (labels === null || schema === "unknown") return null;
  if (envelope.has("source") && origin === null) return null;
  const parts = envelope.keys().map((name) => PARTS.get(name) ?? "any");
  return { prefix: schema?.prefix ?? null, labels, parts, origin };
}

function rowIn(members: Members, read: CarefullyRead, gone: GoneWord): ExpectedRow | null {
  const { shape, growing, envelope } = read;
  const { columns } = shape.shape;
  const places = columns.map(({ name }) => members.names.indexOf(name) ?? -1);
  // A schema may name a field twice.
  const isOnce = places.every((place, at) => place < 0 || places.indexOf(place) === at);
  if (!isOnce) return null;
  const memberOf = (name: string, place: number): ExpectedMember => {
    const column = places.indexOf(place);
    const reading = shape.readings[column] ?? null;
    const form = growing === null ? formOfReading(reading) : formOfKind(growing.kindOf(name));
    return { form, column, reading };
  };
  return ExpectedRow.of({
    names: members.names,
    members: members.keys().map(memberOf),
    columns: columns.length,
    depth: envelope === null ? 1 : 2,
    gone,
  });
}

function formOfReading(reading: FieldReading | null): MemberForm {
  return reading === null ? "any" : (reading.form ?? "read");
}

/** What leaves a column of this kind as it is. */
function formOfKind(kind: SeenKind): MemberForm {
  return kind === "nothing" ? "null" : kind;
}
