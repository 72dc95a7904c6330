import type { ShopKind } from "./source-shop.ts";

/** Where it listens unless it is told. */
export const DEFAULT_LISTEN = "127.0.0.1:8083";

/** What `npm start` was asked for. */
export interface DemoArguments {
  /** Ends after this many seconds of SYNC, with a verification; null runs until Ctrl-C. */
  readonly forSeconds: number | null;
  /** Orders in the shop before the load. */
  readonly rows: number;
  /** Changes per second, about. */
  readonly rate: number;
  readonly listen: string;
  readonly json: boolean;
  /** What the shop runs on. */
  readonly source: ShopKind;
  /** Where it is copied to. */
  readonly sink: SinkKind;
}

/** An Aurora DSQL of this machine, or topics of a broker of this machine. */
export type SinkKind = "dsql" | "kafka";

/** Thrown for arguments that cannot be understood; the message says how it is meant. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const USAGE = `npm start -- [--source KIND] [--sink KIND] [--for SECONDS] [--rows N]
             [--rate N] [--listen ADDR:PORT] [--json]

  --source KIND   what the shop runs on: postgres (default), mysql, mariadb,
                  dynamodb
  --sink KIND     dsql (default), or kafka: topics of a broker of this
                  machine; needs Java 17, Maven (both by apt where that runs
                  as root) and a Maven repository, once
  --for SECONDS   end after that long in SYNC: verify row by row (topics: the
                  keys that are in them, not their values), print a summary,
                  exit 0 (or 3 where rows or keys differ)
  --rows N        orders in the shop before the load (default 20000)
  --rate N        changes a second while it runs (default 200; 0 for none)
  --listen A:P    where the dashboard, /metrics, /health and the API are
                  served, or "off" (default 127.0.0.1:8083, or any free port
                  where that one is taken)
  --json          one JSON object a line instead of text
  --help          this text

A server with a shop that is being used is copied into an Aurora DSQL of
this machine, or into topics, and followed live. Without --for it runs
until Ctrl-C.`;

const MORE = " (npm start -- --help says more)";

const NAMES = ["--source", "--sink", "--for", "--rows", "--rate", "--listen", "--json"];
const KINDS: readonly ShopKind[] = ["postgres", "mysql", "mariadb", "dynamodb"];

/** Whether only the usage is asked for. */
export function wantsHelp(argv: readonly string[]): boolean {
  return argv.includes("--help") || argv.includes("-h");
}

/** Parses the arguments behind `npm start --`. */
export function parseArguments(argv: readonly string[]): DemoArguments {
  const values = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const [name, inline] = (argv[i] ?? "").split(/=(.*)/s, 2);
    if (/^\d+$/.test(name ?? ""))
      throw new UsageError(
        `"${name}" came without its flag, which npm keeps for itself: write \`npm start -- --for ${name}\`.${MORE}`,
      );
    if (name === undefined || !NAMES.includes(name))
      throw new UsageError(`"${argv[i]}" is not known here.${MORE}`);
    const value = name === "--json" ? "true" : (inline ?? argv[++i]);
    if (value === undefined) throw new UsageError(`${name} needs a value.${MORE}`);
    values.set(name, value);
  }
  const source = shopKind(values.get("--source") ?? "postgres");
  return {
    forSeconds: values.has("--for") ? wholeNumber("--for", values.get("--for"), 1) : null,
    rows: wholeNumber("--rows", values.get("--rows") ?? "20000", 1),
    rate: wholeNumber("--rate", values.get("--rate") ?? "200", 0),
    listen: values.get("--listen") ?? DEFAULT_LISTEN,
    json: values.has("--json"),
    source,
    sink: sinkKind(values.get("--sink") ?? "dsql"),
  };
}

function sinkKind(text: string): SinkKind {
  if (text === "dsql" || text === "kafka") return text;
  throw new UsageError(`--sink takes dsql or kafka, not "${text}".${MORE}`);
}

function shopKind(text: string): ShopKind {
  const kind = KINDS.find((name) => name === text);
  if (kind !== undefined) return kind;
  throw new UsageError(`--source takes ${KINDS.join(", ")}, not "${text}".${MORE}`);
}

function wholeNumber(name: string, text: string | undefined, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new UsageError(`${name} takes a whole number from ${least} on, not "${text}".${MORE}`);
  return value;
}
