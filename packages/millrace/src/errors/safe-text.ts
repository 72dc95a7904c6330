import { MillraceError } from "./millrace-error.ts";

/** What the language throws where code is wrong, or is given what it was not written for. */
const OF_THE_LANGUAGE = [TypeError, RangeError, ReferenceError, SyntaxError, EvalError, URIError];
/** Memory that is not there now may be there later. */
const PASSING = /allocation failed|out of memory/i;

/**
 * Whether our own code went wrong, and nothing that it speaks with: an assertion, or an error of the language. Not one that
 * another error caused: so `fetch` tells of a network.
 */
export function isOwnFault(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || thrown.cause !== undefined) return false;
  if (thrown.name === "AssertionError") return true;
  return OF_THE_LANGUAGE.some((kind) => thrown instanceof kind) && !PASSING.test(thrown.message);
}

/**
 * What may be shown of an error that nobody has given its place in the catalogue. A server's message quotes what it is about,
 * which may be a row's value; so does the language, which is why of our own faults the kind and the place are told, and of
 * the words those that only speak of the program.
 */
export function safeMessage(thrown: unknown): string {
  if (thrown instanceof MillraceError) return thrown.message;
  if (!(thrown instanceof Error)) return `a thrown ${typeof thrown}`;
  const state = sqlStateIn(thrown);
  if (state !== null) return `a server's error (SQLSTATE ${state})`;
  return isOwnFault(thrown) ? ownText(thrown) : thrown.message;
}

/** Where an error came from, for who is to mend it: its safe message and its frames. */
export function safeStack(thrown: unknown): string {
  return [safeMessage(thrown), ...framesOf(thrown)].join("\n");
}

/** Words of the language that hold names of the program and no value. */
const SPEAKS_OF_THE_PROGRAM = [
  /^Cannot (?:read|set) properties of (?:null|undefined)/,
  /^[\w.$]+ is not (?:a function|a constructor|defined)$/,
  /^Cannot access '[\w$]+' before initialization$/,
  /^Assignment to constant variable\.$/,
  /^Maximum call stack size exceeded$/,
  /^Invalid (?:array length|string length|time value)$/,
];

function ownText(error: Error): string {
  const words = SPEAKS_OF_THE_PROGRAM.flatMap((pattern) => pattern.exec(error.message) ?? [])[0];
  const what = words ?? (isAboutText(error) ? "a value that cannot be read" : null);
  const place = placeOf(error);
  return `${error.name}${what === null ? "" : `: ${what}`}${place === null ? "" : ` (${place})`}`;
}

function isAboutText(error: Error): boolean {
  return error instanceof SyntaxError || /cannot (?:be converted|convert)/i.test(error.message);
}

/** `feed.ts:120`: the first frame in a file; what is of Node itself tells nothing. */
function placeOf(error: Error): string | null {
  for (const frame of framesOf(error)) {
    const [, file, line] = /([^/\\(\s]+):(\d+):\d+\)?$/.exec(frame) ?? [];
    if (file !== undefined && line !== undefined && !frame.includes("node:"))
      return `${file}:${line}`;
  }
  return null;
}

function framesOf(thrown: unknown): readonly string[] {
  const stack = thrown instanceof Error ? (thrown.stack ?? "") : "";
  return stack.split("\n").filter((line) => /^ {4}at /.test(line));
}

function sqlStateIn(error: Error): string | null {
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : null;
}
