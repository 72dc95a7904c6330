import { debeziumOption, debeziumRemedy, type DebeziumOption } from "./debezium-options.ts";
import { interpolate } from "./interpolate.ts";
import type { Interpolated, Surroundings } from "./interpolate.ts";
import { nearestName } from "./nearest-name.ts";
import type { Option, OptionTable, OptionValues } from "./option.ts";
import { inFileOrder, type Notice, type Place, type Problem } from "./problem.ts";
import type { Entry, MapNode, Node } from "./tree.ts";
import { nodeName } from "./tree.ts";

/** Collects what is said about a file while it is read. */
export class Findings {
  readonly problems: Problem[] = [];
  readonly notices: Notice[] = [];
  /** Where each section stands and each option that the file gives, by its path such as `route[0].source-table`. */
  readonly places = new Map<string, Place>();
  readonly #otherDefaults: Pick<Notice, "place" | "path">[] = [];
  #isFromFlink = false;

  problem(place: Place, path: string, wrong: string, remedy: string): void {
    this.problems.push({ place, path, wrong: trimEnd(wrong), remedy: trimEnd(remedy) });
  }

  /**
   * A default that differs from Flink CDC's. It is told only of a file that was written for Flink CDC, which shows by
   * options that mean something nowhere else, and of all of them at once.
   */
  otherDefault(place: Place, path: string): void {
    this.#otherDefaults.push({ place, path });
  }

  /** The file holds what only Flink CDC's files hold. */
  fromFlink(): void {
    this.#isFromFlink = true;
  }

  /** What is told of the file when all of it is read. */
  get told(): readonly Notice[] {
    const others = inFileOrder(this.#otherDefaults);
    const [first] = others;
    if (!this.#isFromFlink || first === undefined) return this.notices;
    const paths = others.map(({ path }) => path).join(", ");
    const message = `written for Flink CDC, and not given: ${paths}. Flink CDC's defaults of these lose, repeat or drift, Millrace's do not; docs/reference/ says how each differs`;
    return [...this.notices, { place: first.place, path: "", message }];
  }

  notice(place: Place, path: string, message: string): void {
    this.notices.push({ place, path, message: trimEnd(message) });
  }
}

function trimEnd(sentence: string): string {
  return sentence.replace(/\.$/, "");
}

/** Keys that belong to Flink CDC and have no meaning here: taken, with a notice that says why. */
export interface AcceptedKeys {
  readonly keys: Readonly<Record<string, string>>;
  /** Families such as `debezium.`. */
  readonly prefixes: Readonly<Record<string, string>>;
  /** Keys whose values ask for what is done anyway: only these are taken so. */
  readonly sameAs?: Readonly<Record<string, SameAs>>;
}

/** Values of a key that is known elsewhere and has one meaning here. */
export interface SameAs {
  readonly values: RegExp;
  readonly reason: string;
}

/** What a section is read with. */
export interface SectionContext {
  /** `source`, `sink`, `pipeline`, `route[0]`. */
  readonly path: string;
  readonly surroundings: Surroundings;
  readonly findings: Findings;
  readonly accepted: AcceptedKeys;
  /** Keys of the map that somebody else reads, such as `type`. */
  readonly reserved: readonly string[];
  /** What the other sections of the file know, by section: who has a key there meant that one. */
  readonly others?: ReadonlyMap<string, ReadonlySet<string>>;
  /** Why a key that is known elsewhere is not known here, by key; makes the remedy better. */
  readonly elsewhere?: Readonly<Record<string, string>>;
}

/** A parsed section: its values, and where each given option stands. */
export interface Section<Table extends OptionTable> {
  readonly values: OptionValues<Table>;
  readonly place: Place;
  /** Places of the values that the file gives, by their option's main name. */
  readonly given: ReadonlyMap<string, Place>;
  /** Options that could not be read; what depends on them is not checked. */
  readonly failed: ReadonlySet<string>;
}

/** Reads a map by its option table. Everything wrong goes to the findings; reading goes on to the end. */
export function parseSection<Table extends OptionTable>(
  map: MapNode,
  table: Table,
  context: SectionContext,
): Section<Table> {
  return new SectionReader(map, table, context).read();
}

class SectionReader<Table extends OptionTable> {
  readonly #map: MapNode;
  readonly #table: Table;
  readonly #context: SectionContext;
  readonly #values: Record<string, unknown> = {};
  readonly #given = new Map<string, Place>();
  readonly #failed = new Set<string>();
  /** Names that mistyped ones were probably meant to be. */
  readonly #meant = new Set<string>();

  constructor(map: MapNode, table: Table, context: SectionContext) {
    this.#map = map;
    this.#table = table;
    this.#context = context;
  }

  read(): Section<Table> {
    this.#context.findings.places.set(this.#context.path, this.#map.place);
    for (const entry of this.#map.entries) this.#entry(entry);
    for (const [key, option] of Object.entries(this.#table)) this.#finish(key, option);
    // Every key of the table was filled from its own option, which is what OptionValues says.
    const values = this.#values as OptionValues<Table>;
    return { values, place: this.#map.place, given: this.#given, failed: this.#failed };
  }

  #entry(entry: Entry): void {
    if (this.#context.reserved.includes(entry.key)) return;
    const found = Object.entries(this.#table).find(
      ([, option]) => option.name === entry.key || option.aliases?.includes(entry.key),
    );
    if (found === undefined) return this.#unknown(entry);
    const [key, option] = found;
    if (option.fromFlink === true) this.#context.findings.fromFlink();
    if (this.#given.has(option.name)) return this.#twice(entry, option);
    this.#given.set(option.name, entry.value.place);
    this.#context.findings.places.set(`${this.#context.path}.${option.name}`, entry.value.place);
    const scalar = this.#scalar(entry.value, option);
    if (scalar === null) this.#failed.add(option.name);
    else {
      const { text, place, shown } = scalar;
      this.#decode(key, option, withUnitOf(entry.key, text, option), place, shown);
    }
  }

  #twice(entry: Entry, option: Option<unknown>): void {
    this.#problem(
      entry.keyPlace,
      entry.key,
      `is another name of ${option.name}, which is given too`,
      "Keep one of the two",
    );
  }

  #decode(key: string, option: Option<unknown>, text: string, place: Place, shown: string): void {
    const decoded = option.type.decode(text);
    if ("value" in decoded) this.#values[key] = decoded.value;
    else {
      this.#failed.add(option.name);
      this.#problem(
        place,
        option.name,
        `${decoded.hidden === true ? "the value" : shown} ${decoded.wrong}`,
        `${decoded.remedy.replace(SUCH_AS, "")}, e.g. ${option.name}: ${option.example}`,
      );
    }
  }

  /** The text of a value, and how a message may show it. */
  #scalar(
    node: Node,
    option: Option<unknown>,
  ): { text: string; place: Place; shown: string } | null {
    if (node.kind === "list" && option.type.list)
      return this.#joined(node.items, node.place, option);
    if (node.kind === "map" && option.type.map !== null)
      return this.#mapped(node, option, option.type.map);
    if (node.kind !== "scalar") {
      this.#problem(
        node.place,
        option.name,
        `is ${nodeName(node)} and must be ${wantedOf(option)}`,
        `Write ${option.name}: ${option.example}`,
      );
      return null;
    }
    if (node.empty) {
      this.#problem(
        node.place,
        option.name,
        "has no value",
        `Write ${option.name}: ${option.example}${option.required ? "" : ", or leave it out"}`,
      );
      return null;
    }
    const filled = this.#interpolated(node.text, node.place, option.name);
    return filled === null
      ? null
      : { text: filled.text, place: node.place, shown: shownAs(node.text, filled, option.secret) };
  }

  #joined(
    items: readonly Node[],
    place: Place,
    option: Option<unknown>,
  ): { text: string; place: Place; shown: string } | null {
    const parts = items.map((item) =>
      this.#scalar(item, { ...option, type: { ...option.type, list: false, map: null } }),
    );
    const texts = parts.flatMap((part) => (part === null ? [] : [part.text]));
    return texts.length === items.length
      ? { text: texts.join(","), place, shown: "the list" }
      : null;
  }

  #mapped(
    { entries, place }: MapNode,
    option: Option<unknown>,
    textOf: NonNullable<Option<unknown>["type"]["map"]>,
  ): { text: string; place: Place; shown: string } | null {
    const single = { ...option, type: { ...option.type, list: false, map: null } };
    const pairs = entries.flatMap(({ key, value }): readonly [string, string][] => {
      const found = this.#scalar(value, single);
      return found === null ? [] : [[key, found.text]];
    });
    return pairs.length === entries.length
      ? { text: textOf(pairs), place, shown: "the map" }
      : null;
  }

  #interpolated(text: string, place: Place, name: string): Interpolated | null {
    const filled = interpolate(text, this.#context.surroundings);
    for (const { wrong, remedy } of filled.problems) this.#problem(place, name, wrong, remedy);
    return filled.problems.length > 0 ? null : filled;
  }

  #finish(key: string, option: Option<unknown>): void {
    const { findings, path } = this.#context;
    const place = this.#given.get(option.name);
    if (key in this.#values) return this.#conflicts(option, place);
    this.#values[key] = option.fallback;
    if (place !== undefined) return;
    if (option.required) {
      this.#failed.add(option.name);
      if ([option.name, ...(option.aliases ?? [])].some((name) => this.#meant.has(name))) return;
      this.#problem(
        this.#map.place,
        option.name,
        "is missing",
        `Write ${option.name}: ${option.example}`,
      );
    } else if (option.unsetNotice !== undefined)
      findings.otherDefault(this.#map.place, `${path}.${option.name}`);
  }

  #conflicts(option: Option<unknown>, place: Place | undefined): void {
    for (const other of option.conflicts ?? []) {
      if (place === undefined || !this.#given.has(other)) continue;
      this.#problem(
        place,
        option.name,
        `cannot stand together with ${other}`,
        "Keep one of the two",
      );
    }
  }

  /** What is said of a key whose value asks for what is done anyway. */
  #sameAs({ key, value }: Entry): string | undefined {
    const { sameAs = {} } = this.#context.accepted;
    const same = Object.hasOwn(sameAs, key) ? sameAs[key] : undefined;
    if (same === undefined || value.kind !== "scalar") return undefined;
    const { text, problems } = interpolate(value.text, this.#context.surroundings);
    return problems.length === 0 && same.values.test(text.trim()) ? same.reason : undefined;
  }

  #unknown(entry: Entry): void {
    const { key, keyPlace } = entry;
    const { accepted, path, findings, reserved, elsewhere, others } = this.#context;
    const prefix = Object.keys(accepted.prefixes).find((candidate) => key.startsWith(candidate));
    const reason = Object.hasOwn(accepted.keys, key)
      ? accepted.keys[key]
      : prefix === undefined
        ? this.#sameAs(entry)
        : accepted.prefixes[prefix];
    if (reason !== undefined) {
      if (prefix !== undefined || isOnlyFlinks(key, accepted)) findings.fromFlink();
      return findings.notice(keyPlace, `${path}.${key}`, reason);
    }
    const hint =
      elsewhere !== undefined && Object.hasOwn(elsewhere, key) ? elsewhere[key] : undefined;
    if (hint !== undefined) return this.#problem(keyPlace, key, "has no place here", hint);
    const home = [...(others ?? [])].find(([, names]) => names.has(key))?.[0];
    const debezium = home === undefined || isMoreAtDebezium(key) ? debeziumOption(key) : null;
    if (debezium !== null) return this.#debeziums(entry, debezium);
    const known = [
      ...reserved,
      ...Object.values(this.#table).flatMap((option) => [option.name, ...(option.aliases ?? [])]),
    ];
    const nearest = nearestName(key, known);
    if (home !== undefined && !this.#isLacking(nearest))
      return this.#problem(keyPlace, key, `belongs under ${home}`, `Move it to ${home}`);
    if (nearest !== null) this.#meant.add(nearest);
    const remedy = nearest === null ? withoutNearest(key, path, known) : `Did you mean ${nearest}?`;
    this.#problem(keyPlace, key, "is not an option that is known", remedy);
  }

  #debeziums({ key, keyPlace }: Entry, option: DebeziumOption): void {
    for (const here of option.here) this.#meant.add(here.slice(here.indexOf(".") + 1));
    this.#problem(keyPlace, key, "is not an option that is known", debeziumRemedy(option));
  }

  /** Whether it is an option that has to be there, and is not. */
  #isLacking(name: string | null): boolean {
    const option = Object.values(this.#table).find((each) => each.name === name);
    const isThere = this.#map.entries.some(({ key }) => key === name);
    return option?.required === true && !isThere;
  }

  #problem(place: Place, name: string, wrong: string, remedy: string): void {
    this.#context.findings.problem(place, `${this.#context.path}.${name}`, wrong, remedy);
  }
}

/** Whether Debezium has by this name what another section has by it as something else. */
function isMoreAtDebezium(key: string): boolean {
  return key === "include.schema.changes";
}

/** Names that other tools' files and drivers have as well. */
const NOT_ONLY_FLINKS: ReadonlySet<string> = new Set([
  "connect.max-retries",
  "connection.pool.size",
  "name",
  "server-time-zone",
]);

/** Whether a file with this key was written for Flink CDC. */
function isOnlyFlinks(key: string, { keys }: AcceptedKeys): boolean {
  return Object.hasOwn(keys, key) && !NOT_ONLY_FLINKS.has(key);
}

/** Kafka's names say their unit (`request.timeout.ms`), and its files write numbers. */
function withUnitOf(key: string, text: string, { type }: Option<unknown>): string {
  return type.name === "duration" && key.endsWith(".ms") && /^\d+$/.test(text) ? `${text}ms` : text;
}

/** What an option takes, for a sentence. */
function wantedOf({ type }: Option<unknown>): string {
  const others = [...(type.list ? ["a list"] : []), ...(type.map === null ? [] : ["a map"])];
  if (others.length === 0) return "a single value";
  return `${["a value", ...others.slice(1)].join(", ")} or ${others[0] ?? ""}`;
}

/** An example within a remedy: the option's own follows it. */
const SUCH_AS = /, such as .*$/;
/** More names than these help nobody. */
const MOST_NAMES = 12;

/** What to do with a key that nothing is near to. */
function withoutNearest(key: string, path: string, known: readonly string[]): string {
  const section = path.replace(/\[\d+\]/, "");
  const family = relatedTo(key, known);
  const alike = family.length > MOST_NAMES ? sharingWords(key, family) : family;
  if (alike === family) return `Take it out; ${section} knows ${alike.toSorted().join(", ")}`;
  return alike.length === 0
    ? `Take it out; docs/reference/ lists what ${section} knows`
    : `Take it out, or use one of those that are like it: ${alike.toSorted().join(", ")}`;
}

/** Those that share the most words with it, as far as they are few. */
function sharingWords(key: string, known: readonly string[]): readonly string[] {
  const wordsOf = (name: string) => name.toLowerCase().split(/[-._]/);
  const words = new Set(wordsOf(key));
  const shared = (name: string) => wordsOf(name).filter((word) => words.has(word)).length;
  return known
    .filter((name) => shared(name) > 0)
    .toSorted((a, b) => shared(b) - shared(a))
    .slice(0, MOST_NAMES / 2);
}

/** Those of the same family (`properties.`), where it has some; else all. */
function relatedTo(key: string, known: readonly string[]): readonly string[] {
  const family = /^[^.]+\./.exec(key)?.[0];
  const related = family === undefined ? [] : known.filter((name) => name.startsWith(family));
  return related.length === 0 ? known : related;
}

/** Secrets and what came from outside are never echoed. */
function shownAs(raw: string, { text, foreign }: Interpolated, secret: boolean): string {
  if (secret) return "the value";
  if (foreign) return `the value of "${raw}"`;
  return `"${text.length > 80 ? `${text.slice(0, 80)}…` : text}"`;
}
