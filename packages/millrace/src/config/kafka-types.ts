import { z } from "zod";
import { compileTablePatterns, TablePatternError } from "../schema/table-pattern.ts";
import { targetTableParts, type TableTopic } from "../schema/table-topics.ts";
import { optionType, type OptionType, type Refusal, textLike } from "./option-type.ts";

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

const ADDRESS = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/@[\]]+)):(\d{1,5})$/;
const REMEDY = "Write host:port, several separated by commas, such as kafka-1:9092,kafka-2:9092";

/** `host:port` of brokers, separated by commas, or a YAML list. */
export const brokerList: OptionType<readonly BrokerAddress[]> = optionType<
  readonly BrokerAddress[]
>({
  name: "list of host:port",
  json: { anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }] },
  list: true,
  value: z.array(z.object({ host: z.string(), port: z.int() })),
  decode: (value) => {
    // A login before the host would be shown.
    if (/:\/\/|@/.test(value))
      return { wrong: "is a URL or holds a login", remedy: REMEDY, hidden: true };
    const items = value.split(",").map((item) => item.trim());
    const found = items.map((item) => ADDRESS.exec(item));
    const addresses = found.flatMap((match) =>
      match === null ? [] : [{ host: match[1] ?? match[2] ?? "", port: Number(match[3]) }],
    );
    if (addresses.length < items.length || addresses.some(({ port }) => port < 1 || port > 65_535))
      return { wrong: "is not a list of host:port", remedy: REMEDY };
    return addresses;
  },
  encode: (addresses) =>
    addresses
      .map(({ host, port }) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`))
      .join(","),
});

/**
 * `name:value`, several separated by `separator`, or a YAML map. A name stands once. Behind a backslash the separator, a
 * colon and a backslash are what they are.
 */
export function pairs(separator: "," | ";"): OptionType<readonly (readonly [string, string])[]> {
  const separators = separator === "," ? "commas" : "semicolons";
  const remedy = `Write name:value, several separated by ${separators} (\\${separator} is one within a value), or a map`;
  const encode = (value: readonly (readonly [string, string])[]): string =>
    value.map((pair) => pair.map((text) => escaped(text, separator)).join(":")).join(separator);
  return optionType<readonly (readonly [string, string])[]>({
    name: "pairs",
    json: {
      anyOf: [
        { type: "string" },
        { type: "array", items: { type: "string" } },
        { type: "object", additionalProperties: { type: ["string", "number", "boolean"] } },
      ],
    },
    list: separator === ",",
    map: encode,
    value: z.array(z.tuple([z.string(), z.string()]).readonly()).readonly(),
    decode: (value) => {
      const items = partsOf(value, separator).filter((item) => item.trim() !== "");
      const found = items.map((item): readonly [string, string] => {
        const [name = "", ...rest] = partsOf(item, ":");
        return rest.length === 0
          ? ["", ""]
          : [unescaped(name.trim(), separator), unescaped(rest.join(":").trim(), separator)];
      });
      if (found.length === 0 || found.some(([name]) => name === ""))
        return { wrong: "is not a list of name:value", remedy };
      const twice = found.find(([name], index) => found.findIndex(([n]) => n === name) < index);
      return twice === undefined
        ? found
        : { wrong: `names ${twice[0]} twice`, remedy: "Take one of the two out" };
    },
    encode,
  });
}

/** Splits where the mark stands without a backslash before it; what is escaped stays so. */
function partsOf(text: string, mark: string): string[] {
  const parts = [""];
  for (const [each] of text.matchAll(/\\.|[^]/gsu))
    if (each === mark) parts.push("");
    else parts.push(`${parts.pop() ?? ""}${each}`);
  return parts;
}

function escaped(text: string, separator: string): string {
  return text.replaceAll(/[\\:,;]/g, (mark) =>
    mark === "\\" || mark === ":" || mark === separator ? `\\${mark}` : mark,
  );
}

/** A backslash before anything else is one. */
function unescaped(text: string, separator: string): string {
  return text.replaceAll(/\\([\\:,;])/g, (both, mark: string) =>
    mark === "\\" || mark === ":" || mark === separator ? mark : both,
  );
}

const TOPIC_NAME = /^[A-Za-z0-9._-]{1,249}$/;

const MAPPING_REMEDY =
  "Write schema.table:topic, several separated by semicolons (\\: is a colon within a name), or a map";

/**
 * `pattern:topic`, several separated by semicolons, or a YAML map: patterns of tables as Flink CDC has them, in their order. A
 * backslash is the pattern's own, so that `\:` and `\;` are what they look like.
 */
export const tableTopics: OptionType<readonly TableTopic[]> = optionType<readonly TableTopic[]>({
  name: "table patterns with topics",
  json: {
    anyOf: [
      { type: "string" },
      { type: "object", additionalProperties: { type: ["string", "number", "boolean"] } },
    ],
  },
  map: mappingText,
  value: z.array(z.tuple([z.string(), z.string()]).readonly()).readonly(),
  decode: (value) => {
    const items = partsOf(value, ";").filter((item) => item.trim() !== "");
    const found = items.map((item): TableTopic => {
      const [pattern = "", ...topic] = partsOf(item, ":");
      return [pattern.trim(), topic.join(":").trim()];
    });
    if (found.length === 0 || found.some((pair) => pair.includes("")))
      return { wrong: "is not a list of schema.table:topic", remedy: MAPPING_REMEDY };
    for (const [index, [pattern, topic]] of found.entries()) {
      const isSecond = found.findIndex(([text]) => text === pattern) < index;
      const refusal = isSecond ? namedTwice(pattern) : mappingRefusal(pattern, topic);
      if (refusal !== null) return refusal;
    }
    return found;
  },
  encode: mappingText,
});

function mappingText(pairsOfMap: readonly TableTopic[]): string {
  return pairsOfMap.map((pair) => pair.map((text) => marked(text)).join(":")).join(";");
}

/** With a backslash before what separates, where none is yet. */
function marked(text: string): string {
  return text.replaceAll(/\\.|[:;]/gs, (each) => (each.length > 1 ? each : `\\${each}`));
}

function namedTwice(pattern: string): Refusal {
  return { wrong: `names ${pattern} twice`, remedy: "Take one of the two out" };
}

function mappingRefusal(pattern: string, topic: string): Refusal | null {
  if (!TOPIC_NAME.test(topic))
    return {
      wrong: `sends ${pattern} to ${topic}, which is not a topic's name`,
      remedy: "Write 1 to 249 letters, digits, dots, underscores or hyphens behind the colon",
    };
  try {
    compileTablePatterns(pattern, targetTableParts);
    return null;
  } catch (error) {
    if (!(error instanceof TablePatternError)) throw error;
    const { problem } = error;
    return {
      wrong: `has ${pattern}: ${problem.charAt(0).toLowerCase()}${problem.slice(1)}`,
      remedy:
        "Write schema.table as the target is called, without a database before it, as a name or a pattern",
    };
  }
}

/** Names of topics, separated by commas, or a YAML list. */
export const topicList: OptionType<readonly string[]> = optionType<readonly string[]>({
  name: "list of topics",
  json: { anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }] },
  list: true,
  value: z.array(z.string()).readonly(),
  decode: (value) => {
    const names = value.split(",").map((name) => name.trim());
    const remedy =
      "Write names of 1 to 249 letters, digits, dots, underscores or hyphens, separated by commas";
    if (names.some((name) => !TOPIC_NAME.test(name)))
      return { wrong: "is not a list of topics", remedy };
    return [...new Set(names)];
  },
  encode: (names) => names.join(","),
});

/** A regular expression that has to match a whole name. */
export const regularExpression: OptionType<RegExp> = optionType<RegExp>({
  name: "regular expression",
  json: { type: "string" },
  value: z.instanceof(RegExp),
  decode: (value) => {
    try {
      return new RegExp(`^(?:${value})$`, "u");
    } catch {
      const remedy = "Write one as JavaScript and Java have them, such as shop\\.public\\..*";
      return { wrong: "is not a regular expression", remedy };
    }
  },
  encode: (pattern) => pattern.source.replace(/^\^\(\?:|\)\$$/g, ""),
});

/** `partition:0,offset:42;partition:1,offset:300`, Flink's spelling. */
export const KAFKA_OFFSETS: OptionType<ReadonlyMap<number, number>> = optionType<
  ReadonlyMap<number, number>
>({
  name: "offsets",
  json: { type: "string" },
  value: z.map(z.int(), z.int()),
  decode: (value) => {
    const found = value
      .split(";")
      .map((part) => /^\s*partition:(\d{1,6})\s*,\s*offset:(\d{1,15})\s*$/.exec(part));
    const offsets = new Map(found.map((match) => [Number(match?.[1]), Number(match?.[2])]));
    const remedy = "Write partition:0,offset:42, several separated by semicolons";
    if (found.includes(null)) return { wrong: "is not a list of offsets", remedy };
    return offsets.size < found.length
      ? { wrong: "names a partition twice", remedy: "Take one of the two out" }
      : offsets;
  },
  encode: (offsets) =>
    [...offsets].map(([partition, offset]) => `partition:${partition},offset:${offset}`).join(";"),
});

/** The name of a topic. */
export const topicName: OptionType<string> = textLike("topic", /^[A-Za-z0-9._-]{1,249}$/, {
  wrong: "is not a topic's name",
  remedy: "Write 1 to 249 letters, digits, dots, underscores or hyphens",
});
