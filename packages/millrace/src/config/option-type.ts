import { z } from "zod";
import { formatByteSize, parseByteSize } from "./byte-size.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { Secret } from "./secret.ts";

/** Why a text is not a value of its type: `wrong` follows the value in a sentence, `remedy` stands alone. */
export interface Refusal {
  readonly wrong: string;
  readonly remedy: string;
  /** The value may hold a secret and is not shown. */
  readonly hidden?: boolean;
}

/** A part of a JSON Schema. */
export type SchemaPart = Readonly<Record<string, unknown>>;

/** How a scalar of the file becomes a value: from text, and back for the reference and its tests. */
export interface OptionType<T> {
  /** What the reference calls it. */
  readonly name: string;
  readonly unit: string | null;
  /** What an editor may accept for it. */
  readonly json: SchemaPart;
  /** A YAML list is taken too, as if its items were joined by commas. */
  readonly list: boolean;
  /** A YAML map is taken too: its text of the map's names and values; null where none is. */
  readonly map: ((entries: readonly (readonly [string, string])[]) => string) | null;
  decode(text: string): { readonly value: T } | Refusal;
  encode(value: T): string;
}

interface TypeDescription<T> {
  readonly name: string;
  readonly unit?: string;
  readonly json: SchemaPart;
  readonly list?: boolean;
  readonly map?: (entries: readonly (readonly [string, string])[]) => string;
  readonly value: z.ZodType<T, T>;
  readonly decode: (text: string) => T | Refusal;
  readonly encode: (value: T) => string;
}

/** References are allowed wherever a value is, so every schema part also takes text that holds one. */
const REFERENCE = { type: "string", pattern: "\\$\\{" };

function isRefusal(value: unknown): value is Refusal {
  return typeof value === "object" && value !== null && "wrong" in value && "remedy" in value;
}

/** Makes a type on top of a zod codec, so that text and value always translate in both directions. */
export function optionType<T>(type: TypeDescription<T>): OptionType<T> {
  const codec = z.codec(z.string(), type.value, {
    decode: (text, context) => {
      const value = type.decode(text);
      if (!isRefusal(value)) return value;
      context.issues.push({
        code: "custom",
        message: value.wrong,
        params: { remedy: value.remedy, hidden: value.hidden ?? false },
        input: text,
      });
      return z.NEVER;
    },
    encode: type.encode,
  });
  return {
    name: type.name,
    unit: type.unit ?? null,
    json:
      type.json.type === "string" && type.json.enum === undefined
        ? type.json
        : { anyOf: [type.json, REFERENCE] },
    list: type.list ?? false,
    map: type.map ?? null,
    decode(text) {
      const result = z.safeDecode(codec, text);
      return result.success ? { value: result.data } : refusalOf(result.error);
    },
    encode: (value) => z.encode(codec, value),
  };
}

function refusalOf(error: z.ZodError): Refusal {
  const issue = error.issues[0];
  const params = issue?.code === "custom" ? issue.params : undefined;
  const remedy: unknown = params?.remedy;
  return {
    wrong: issue?.message ?? "cannot be read",
    remedy: typeof remedy === "string" ? remedy : "Mend it",
    hidden: params?.hidden === true,
  };
}

/** Any text but the empty one. */
export const text = optionType<string>({
  name: "text",
  json: { type: "string" },
  value: z.string(),
  decode: (value) =>
    value === "" ? { wrong: "is empty", remedy: "Write a value or leave the option out" } : value,
  encode: (value) => value,
});

/** A path; relative ones count from the folder of the pipeline file. */
export const path = { ...text, name: "path" };

/** Text that holds nothing but what `pattern` allows. */
export function textLike(name: string, pattern: RegExp, refusal: Refusal): OptionType<string> {
  return optionType<string>({
    name,
    json: { type: "string" },
    value: z.string(),
    decode: (value) => (pattern.test(value) ? value : refusal),
    encode: (value) => value,
  });
}

/** A secret; it is wrapped at once. */
export const secret = optionType<Secret>({
  name: "secret",
  json: { type: "string" },
  value: z.instanceof(Secret),
  decode: (value) =>
    value === ""
      ? { wrong: "is empty", remedy: "Write a value or leave the option out" }
      : new Secret(value),
  encode: (value) => value.reveal(),
});

/** `true` or `false`. */
export const flag = optionType<boolean>({
  name: "true or false",
  json: { type: "boolean" },
  value: z.boolean(),
  decode: (value) => {
    const lower = value.toLowerCase();
    if (lower === "true" || lower === "false") return lower === "true";
    return { wrong: "is neither true nor false", remedy: "Write true or false" };
  },
  encode: String,
});

/** A whole number between two bounds, both included. */
export function integer(min: number, max: number, unit?: string): OptionType<number> {
  const remedy = `Write a whole number from ${min} to ${max}`;
  return optionType<number>({
    name: "whole number",
    ...(unit === undefined ? {} : { unit }),
    json: { type: "integer", minimum: min, maximum: max },
    value: z.int(),
    decode: (value) => {
      if (!/^[+-]?\d+$/.test(value)) return { wrong: "is not a whole number", remedy };
      const number = Number(value);
      return number < min || number > max ? { wrong: "is out of range", remedy } : number;
    },
    encode: String,
  });
}

/** A TCP port. */
export const port = { ...integer(1, 65_535), name: "port" };

const DURATION_FAULTS: Readonly<Record<string, string>> = {
  "no-unit": "has no unit",
  "unknown-unit": "has a unit that is not known",
  "not-a-duration": "is not a duration",
};

/** A duration between two bounds, in milliseconds. */
export function duration(minMs: number, maxMs: number): OptionType<number> {
  return optionType<number>({
    name: "duration",
    json: { type: "string" },
    value: z.int(),
    decode: (value) => {
      const ms = parseDuration(value);
      if (typeof ms === "string") {
        return {
          wrong: DURATION_FAULTS[ms] ?? ms,
          remedy: "Write a number and one of ms, s, min, h, d, such as 500ms, 30s or 5 min",
        };
      }
      if (ms >= minMs && ms <= maxMs) return ms;
      return {
        wrong: "is out of range",
        remedy: `Write a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`,
      };
    },
    encode: formatDuration,
  });
}

/** A size between two bounds, in bytes. */
export function byteSize(minBytes: number, maxBytes: number): OptionType<number> {
  return optionType<number>({
    name: "size",
    json: { type: "string" },
    value: z.int(),
    decode: (value) => {
      const bytes = parseByteSize(value);
      if (typeof bytes === "string") {
        const wrong = {
          "no-unit": "has no unit",
          "unknown-unit": "has a unit that is not known",
          "not-a-size": "is not a size",
        }[bytes];
        return { wrong, remedy: "Write a number and one of b, kb, mb, gb, such as 64mb" };
      }
      if (bytes >= minBytes && bytes <= maxBytes) return bytes;
      return {
        wrong: "is out of range",
        remedy: `Write a size from ${formatByteSize(minBytes)} to ${formatByteSize(maxBytes)}`,
      };
    },
    encode: formatByteSize,
  });
}

/** A share of a whole, `1%` in the file and 0.01 in the code. */
export const percent = optionType<number>({
  name: "percent",
  json: { type: "string" },
  value: z.number(),
  decode: (value) => {
    const [, digits] = /^(\d+(?:\.\d+)?)\s*%$/.exec(value.trim()) ?? [];
    const number = Number(digits ?? Number.NaN);
    if (number >= 0 && number <= 100) return number / 100;
    return { wrong: "is not a percentage", remedy: "Write one from 0% to 100%, such as 1%" };
  },
  encode: (share) => `${Number((share * 100).toPrecision(12))}%`,
});

/**
 * One of a few words; case and `_` for `-` do not matter, since Flink writes its own in capitals. `refused` names words
 * of Flink's vocabulary that are not possible here, with the reason.
 */
export function choice<const T extends string>(
  words: readonly T[],
  refused: Readonly<Record<string, Refusal>> = {},
): OptionType<T> {
  const plain = (word: string) => word.toLowerCase().replaceAll("_", "-");
  return optionType<T>({
    name: words.map((word) => `\`${word}\``).join(", "),
    json: { type: "string", enum: words },
    value: z.enum(words),
    decode: (value) => {
      const word = words.find((candidate) => plain(candidate) === plain(value));
      if (word !== undefined) return word;
      const refusal = Object.entries(refused).find(
        ([candidate]) => plain(candidate) === plain(value),
      )?.[1];
      return (
        refusal ?? { wrong: "is not one of its values", remedy: `Write one of ${words.join(", ")}` }
      );
    },
    encode: (value) => value,
  });
}

/** Words separated by commas, or a YAML list. */
export const words = optionType<readonly string[]>({
  name: "list",
  json: { type: "array", items: { type: "string" } },
  list: true,
  value: z.array(z.string()),
  decode: (value) => {
    const items = value
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
    return items.length > 0
      ? items
      : { wrong: "is empty", remedy: "Write at least one word or leave the option out" };
  },
  encode: (value) => value.join(", "),
});

/** A comma list of table patterns as text; they are compiled where the number of their parts is known. */
export const tableList = {
  ...text,
  name: "table patterns",
  list: true,
  json: { anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }] },
};

/** `http:` or `https:` addresses, separated by commas, or a YAML list. A login in one would be shown, and is refused. */
export const urlList = optionType<readonly string[]>({
  name: "list of URLs",
  json: { anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }] },
  list: true,
  value: z.array(z.string()),
  decode: (value) => {
    const items = value.split(",").map((item) => item.trim());
    if (value.includes("@"))
      return {
        wrong: "holds a login",
        remedy: "Write the login into options of its own",
        hidden: true,
      };
    const isUrl = (item: string): boolean => /^https?:\/\/[^\s/]/.test(item) && URL.canParse(item);
    return items.every(isUrl)
      ? items
      : {
          wrong: "is not a list of http: or https: URLs",
          remedy: "Write such as https://host:8081",
        };
  },
  encode: (urls) => urls.join(","),
});
