import type { OptionType } from "./option-type.ts";

/** Everything that is said about an option, for the parser, the reference and the JSON Schema. */
export interface OptionText {
  /** As the file spells it. */
  readonly name: string;
  /** Sentences for the reference. */
  readonly doc: string;
  /** A value that could stand in a file. */
  readonly example: string;
  /** Other spellings that are taken. */
  readonly aliases?: readonly string[];
  /** Options that cannot be given together with this one. */
  readonly conflicts?: readonly string[];
  /** What the reference says for a default that is made from something else. */
  readonly defaultDoc?: string;
  /**
   * Said when a file that was written for Flink CDC leaves the option out, and Flink CDC would have done something else
   * that loses or drifts.
   */
  readonly unsetNotice?: string;
  /** Taken for Flink CDC's files: a file that gives it was written for Flink CDC. */
  readonly fromFlink?: boolean;
}

/** One option of a section. */
export interface Option<T> extends OptionText {
  readonly type: OptionType<unknown>;
  readonly required: boolean;
  /** Its value as the file would write it when it is left out; null where there is none. */
  readonly defaultText: string | null;
  readonly secret: boolean;
  /** What it is when it is left out or, with a problem, could not be read. */
  readonly fallback: T;
}

/** The options of a section, by the name that the code uses. */
export type OptionTable = Readonly<Record<string, Option<unknown>>>;

/** What a section is once it is parsed. */
export type OptionValues<Table extends OptionTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Option<infer T> ? T : never;
};

/** An option without which the section means nothing. Its example stands in where it could not be read. */
export function required<T>(type: OptionType<T>, option: OptionText): Option<T> {
  const example = type.decode(option.example);
  if (!("value" in example)) throw new Error(`the example of ${option.name} cannot be read`);
  return make(type, option, { required: true, fallback: example.value, defaultText: null });
}

/** An option that is null when it is left out. */
export function optional<T>(type: OptionType<T>, option: OptionText): Option<T | null> {
  return make<T | null, T>(type, option, { required: false, fallback: null, defaultText: null });
}

/** An option with a default. */
export function defaulting<T>(type: OptionType<T>, fallback: T, option: OptionText): Option<T> {
  return make(type, option, { required: false, fallback, defaultText: type.encode(fallback) });
}

function make<T, U>(
  type: OptionType<U>,
  option: OptionText,
  rest: { required: boolean; fallback: T; defaultText: string | null },
): Option<T> {
  return { ...option, ...rest, type, secret: type.name === "secret" };
}
