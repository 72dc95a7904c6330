import {
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  Scalar,
  visit,
} from "yaml";
import type { Document, ErrorCode, Pair, ParsedNode, Range, YAMLMap, YAMLParseError } from "yaml";
import type { Place, Problem } from "./problem.ts";
import type { Entry, Node, ReadTree } from "./tree.ts";

/** More than any pipeline needs; stops aliases that multiply (I10). */
const MAX_NODES = 50_000;
/** Deeper than any pipeline; stops an alias that holds itself. */
const MAX_DEPTH = 100;
const TOO_DEEP = `the file is nested more than ${MAX_DEPTH} levels deep`;

/** Instead of the library's words, which quote the text: it may be a password that was not put in quotes. */
const WRONGS: Readonly<Partial<Record<string, string>>> = {
  DUPLICATE_KEY: "the key stands here twice",
  TAG_RESOLVE_FAILED: "a value that begins with ! is a YAML tag, and this one is not known",
  RESOURCE_EXHAUSTION: TOO_DEEP,
};

/** Remedies for the parser's errors that people make most; the rest get the general one. */
const REMEDIES: Partial<Record<ErrorCode, string>> = {
  DUPLICATE_KEY: "Keep one of the two",
  TAB_AS_INDENT: "Indent with spaces",
  BAD_INDENT: "Check the brackets, and indent the keys of one section by the same number of spaces",
  BAD_ALIAS: 'A "*" at the start of a value needs a backslash (\\*) or quotes',
  TAG_RESOLVE_FAILED: "Put the value in quotes",
  MISSING_CHAR: "Close the quote or the bracket",
  BLOCK_AS_IMPLICIT_KEY: 'Put one "key: value" on a line; quote a value that holds ": "',
  MULTILINE_IMPLICIT_KEY: 'Write "key: value" with a colon and a blank after the key',
};

/** Behind these the tree is what was meant, but for one value: the rest of the file is looked at too. */
const HARMLESS: ReadonlySet<ErrorCode> = new Set([
  "DUPLICATE_KEY",
  "TAG_RESOLVE_FAILED",
  "BAD_ALIAS",
]);
/** The library ends brackets that do not close where a line begins further left; a quote goes on to the end of the file. */
const OPEN_BRACKETS = /^flow (?:map|sequence) in block collection /i;

/** Reads YAML into a tree with places. All scalars stay text, so `0123` keeps its zero and `no` is not false. */
export function treeOfYaml(text: string, file: string): ReadTree {
  const lines = new LineCounter();
  const reader = new Reader(text, file, lines);
  const parsed = parseAllDocuments(text, {
    schema: "failsafe",
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "error",
  });
  const documents = Array.isArray(parsed) ? parsed : [];
  for (const document of documents) reader.addErrors(document);
  const [first, second] = documents;
  if (second !== undefined)
    reader.problem(
      second.range[0],
      "the file holds more than one document",
      "Write one pipeline per file",
    );
  const isBroken = documents.some(({ errors }) => !errors.every(isHarmless));
  if (isBroken || second !== undefined) return { root: null, problems: reader.problems };
  if (first === undefined || first.contents === null || isEmpty(first.contents)) {
    reader.problem(0, "the file is empty", "Write a pipeline with source, sink and pipeline");
    return { root: null, problems: reader.problems };
  }
  const root = reader.node(first.contents, first);
  return { root: reader.isLost ? null : root, problems: reader.problems };
}

function isHarmless({ code, message }: Pick<YAMLParseError, "code" | "message">): boolean {
  return HARMLESS.has(code) || OPEN_BRACKETS.test(message);
}

function isEmpty(node: unknown): boolean {
  return isScalar(node) && node.type === Scalar.PLAIN && node.value === "";
}

class Reader {
  readonly problems: Problem[] = [];
  /** What was read is not what the file says. */
  isLost = false;
  readonly #text: string;
  readonly #file: string;
  readonly #lines: LineCounter;
  #nodes = 0;
  #depth = 0;

  constructor(text: string, file: string, lines: LineCounter) {
    this.#text = text;
    this.#file = file;
    this.#lines = lines;
  }

  addErrors(document: Document.Parsed<ParsedNode>): void {
    const told = new Set<string>();
    // What follows a tab is read at a wrong depth, and found wrong for it.
    const tab = document.errors.find(({ code }) => code === "TAB_AS_INDENT")?.pos[0] ?? Infinity;
    for (const error of [...document.errors, ...document.warnings]) {
      if (error.pos[0] > tab && error.code !== "TAB_AS_INDENT") continue;
      // Brackets that are not closed end at one place, all of them.
      if (told.size === told.add(`${error.pos[0]} ${error.code}`).size) continue;
      const remedy = REMEDIES[error.code] ?? "Mend the YAML at this place";
      if (error.code === "DUPLICATE_KEY" && this.#twice(document, error.pos[0], remedy)) continue;
      const wrong = WRONGS[error.code] ?? `is not YAML: ${sentence(error.message)}`;
      this.problem(error.pos[0], wrong, remedy);
    }
  }

  problem(offset: number, wrong: string, remedy: string, path = ""): void {
    this.problems.push({ place: this.#place(offset), path, wrong, remedy });
  }

  /** Tells of the key that stands at `offset` for the second time; false where it is not found there. */
  #twice(document: Document.Parsed<ParsedNode>, offset: number, remedy: string): boolean {
    const found = secondKey(document, offset);
    if (found === null) return false;
    const { line } = this.#place(found.first);
    this.problem(offset, `stands here twice, in line ${line} already`, remedy, found.path);
    return true;
  }

  node(node: unknown, document: Document.Parsed, fallbackOffset = 0): Node {
    if (++this.#nodes > MAX_NODES) return this.#tooMany();
    const offset = offsetOf(node, fallbackOffset);
    if (this.#depth > MAX_DEPTH) return this.#tooDeep(offset);
    this.#depth += 1;
    const read = this.#read(node, document, offset);
    this.#depth -= 1;
    return read;
  }

  /** Says so once; what is below has nothing in it. */
  #tooDeep(offset: number): Node {
    if (this.#depth !== Infinity)
      this.problem(offset, `${TOO_DEEP}, or an alias holds itself`, "Write the values themselves");
    this.#depth = Infinity;
    this.isLost = true;
    return { kind: "scalar", place: this.#place(offset), text: "", empty: true };
  }

  #read(node: unknown, document: Document.Parsed, offset: number): Node {
    if (isAlias(node)) return this.#alias(node, document);
    if (isCollection(node) && this.#isOpen(node)) return this.#broken(offset);
    if (isMap(node)) return this.#map(node, document);
    if (!isSeq(node)) return this.#scalar(node, offset);
    const items = node.items.map((item) => this.node(item, document, offset));
    return { kind: "list", place: this.#place(offset), items };
  }

  /** Brackets that do not close. */
  #isOpen({ flow, range }: { readonly flow?: boolean; readonly range?: Range | null }): boolean {
    if (flow !== true || range === null || range === undefined) return false;
    return !/[\]}]$/.test(this.#text.slice(range[0], range[1]));
  }

  /** A value of which something was said already. */
  #broken(offset: number): Node {
    return { kind: "scalar", place: this.#place(offset), text: "", empty: true, broken: true };
  }

  #scalar(node: unknown, offset: number): Node {
    const place = this.#place(offset);
    if (!isScalar(node)) return { kind: "scalar", place, text: "", empty: true };
    const text = String(node.value);
    const empty = node.type === Scalar.PLAIN && /^(|~|null|Null|NULL)$/.test(text);
    return { kind: "scalar", place, text, empty };
  }

  #map(node: YAMLMap, document: Document.Parsed): Node {
    const offset = offsetOf(node, 0);
    const entries: Entry[] = [];
    const keys = new Set<string>();
    for (const pair of node.items) {
      const entry = this.#entry(pair, document, offset);
      // The parser has said that it stands there twice.
      if (entry !== null && !keys.has(entry.key)) entries.push(entry);
      if (entry !== null) keys.add(entry.key);
    }
    return { kind: "map", place: this.#place(offset), entries };
  }

  #entry(pair: Pair, document: Document.Parsed, mapOffset: number): Entry | null {
    const offset = offsetOf(pair.key, mapOffset);
    if (!isScalar(pair.key)) {
      this.problem(offset, "a key is not plain text", 'Write "key: value"');
      return null;
    }
    return {
      key: String(pair.key.value),
      keyPlace: this.#place(offset),
      value: this.node(pair.value, document, offset),
    };
  }

  #alias(
    node: { source: string; range?: unknown; resolve(document: Document.Parsed): unknown },
    document: Document.Parsed,
  ): Node {
    const target = node.resolve(document);
    if (target !== undefined) return this.node(target, document);
    const offset = offsetOf(node, 0);
    // Of an empty one the parser has said so.
    if (node.source !== "")
      this.problem(
        offset,
        "a value that begins with * is a YAML alias, and this one has no anchor",
        'A "*" at the start of a value needs a backslash (\\*) or quotes',
      );
    return this.#broken(offset);
  }

  #tooMany(): Node {
    this.isLost = true;
    if (this.#nodes === MAX_NODES + 1)
      this.problem(
        0,
        `the file has more than ${MAX_NODES} values`,
        "Split it into several pipelines",
      );
    return { kind: "scalar", place: this.#place(0), text: "", empty: true };
  }

  #place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) };
  }
}

/** The path of the key that begins at `offset`, and where the same map has it first. */
function secondKey(
  document: Document.Parsed<ParsedNode>,
  offset: number,
): { readonly path: string; readonly first: number } | null {
  let found: { readonly path: string; readonly first: number } | null = null;
  visit(document, {
    Pair(_, pair, ancestors) {
      const map = ancestors.at(-1);
      if (offsetOf(pair.key, -1) !== offset || !isMap(map) || !isScalar(pair.key)) return undefined;
      const { value } = pair.key;
      const same = map.items.find(({ key }) => isScalar(key) && key.value === value);
      const names = [...ancestors, pair].flatMap((node) =>
        isPair(node) && isScalar(node.key) ? [String(node.key.value)] : [],
      );
      found = { path: names.join("."), first: offsetOf(same?.key, offset) };
      return visit.BREAK;
    },
  });
  return found;
}

function offsetOf(node: unknown, fallback: number): number {
  if (typeof node !== "object" || node === null || !("range" in node)) return fallback;
  const { range } = node;
  const start: unknown = Array.isArray(range) ? range[0] : undefined;
  return typeof start === "number" ? start : fallback;
}

/** The parser's message as the tail of a sentence of ours. */
function sentence(message: string): string {
  const line = message.split("\n", 1)[0] ?? message;
  return `${line.charAt(0).toLowerCase()}${line.slice(1)}`.replace(/\.$/, "");
}
