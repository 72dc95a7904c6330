import { MillraceError } from "../errors/millrace-error.ts";

/** Where something stands in a pipeline file. `line` and `column` count from 1; null for a pipeline given as an object. */
export interface Place {
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
}

/** One thing that is wrong with a pipeline file: where, what, and how to mend it. No value of a secret. */
export interface Problem {
  readonly place: Place;
  /** The option's path, such as `source.port`; empty for the file as a whole. */
  readonly path: string;
  readonly wrong: string;
  readonly remedy: string;
}

/** Something that the operator should know about a file that is accepted. */
export interface Notice {
  readonly place: Place;
  readonly path: string;
  readonly message: string;
}

/** `shop.yaml:4:9`, or the name alone where there are no lines. */
export function formatPlace(place: Place): string {
  return place.line === null ? place.file : `${place.file}:${place.line}:${place.column ?? 1}`;
}

/** One line: `shop.yaml:4:9: source.port: "54a" is not a whole number. Write …` */
export function formatProblem(problem: Problem): string {
  const path = problem.path === "" ? "" : `${problem.path}: `;
  return `${formatPlace(problem.place)}: ${path}${ended(problem.wrong)} ${ended(problem.remedy)}`;
}

/** One line: `shop.yaml:4:9: source.jdbc.properties.x: …` */
export function formatNotice(notice: Notice): string {
  const path = notice.path === "" ? "" : `${notice.path}: `;
  return `${formatPlace(notice.place)}: ${path}${ended(notice.message)}`;
}

/** With a full stop, unless it ends already, or in SQL. */
export function ended(sentence: string): string {
  return /[.?!;]$/.test(sentence) ? sentence : `${sentence}.`;
}

/** In the order of the file, so that a reader goes through it once. */
export function inFileOrder<T extends { readonly place: Place }>(items: readonly T[]): T[] {
  return items.toSorted(
    (a, b) =>
      (a.place.line ?? 0) - (b.place.line ?? 0) || (a.place.column ?? 0) - (b.place.column ?? 0),
  );
}

/** A pipeline file that cannot be used, with all its problems at once. Nothing was touched. */
export class ConfigError extends MillraceError {
  readonly problems: readonly Problem[];
  /** What else there is to say of the file. */
  readonly notices: readonly Notice[];

  constructor(problems: readonly Problem[], notices: readonly Notice[] = []) {
    const ordered = inFileOrder(problems);
    super("MR_CONFIG_INVALID", ordered.map(formatProblem).join("\n"), {
      facts: { problems: ordered.length },
    });
    this.problems = ordered;
    this.notices = inFileOrder(notices);
  }
}
