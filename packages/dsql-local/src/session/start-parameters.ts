/** Start-up parameters: what the client may ask for, and what it is told. */
import { isSettable } from "../gate/refusals.ts";
import { shownAs } from "../gate/settings.ts";
import { violation } from "../rules/table.ts";
import { parameterStatus, readCString } from "../wire/messages.ts";

/** What a client wants at start-up. */
export interface WantedStart {
  readonly user: string;
  readonly database: string;
  readonly settings: ReadonlyMap<string, string>;
}

const IDENTITY = new Set(["user", "database", "options"]);
/** As PostgreSQL reads it: what is neither of these asks for its log, which the service has none of. */
const NO_REPLICATION = /^(?:f|fa|fal|fals|false|n|no|off?|0)$/i;

/** Reads start-up parameters. Throws the Violation of one that DSQL does not take (source D). */
export function clientParameters(parameters: ReadonlyMap<string, string>): WantedStart {
  const user = parameters.get("user") ?? "";
  if (user === "")
    throw violation("protocol", { reason: "no PostgreSQL user name specified in startup packet" });
  const settings = new Map<string, string>();
  for (const [name, value] of parameters) {
    if (IDENTITY.has(name) || name.startsWith("_pq_.")) continue;
    if (name === "replication" && NO_REPLICATION.test(value)) continue;
    settings.set(name, value);
  }
  for (const [name, value] of optionSettings(parameters.get("options") ?? "")) {
    settings.set(name, value);
  }
  for (const name of settings.keys()) {
    if (!isSettable(name)) throw violation("setting", { name });
  }
  return { user, database: parameters.get("database") ?? user, settings };
}

/** `-c name=value` and `--name=value`; a backslash keeps a space. */
function optionSettings(options: string): Map<string, string> {
  const settings = new Map<string, string>();
  const words =
    options.match(/(?:\\.|[^\s\\])+/g)?.map((word) => word.replace(/\\(.)/g, "$1")) ?? [];
  for (let i = 0; i < words.length; i++) {
    let word = words[i] ?? "";
    if (word === "-c") word = words[++i] ?? "";
    else if (word.startsWith("-c")) word = word.slice(2);
    else if (word.startsWith("--")) word = word.slice(2);
    const equals = word.indexOf("=");
    if (equals > 0)
      settings.set(word.slice(0, equals).replaceAll("-", "_"), word.slice(equals + 1));
  }
  return settings;
}

/** ParameterStatus frames for the client, with DSQL's version. */
export function backendParameters(frames: readonly Buffer[]): Buffer[] {
  return frames.map((frame) => {
    const [name] = readCString(frame, 5);
    const value = shownAs[name];
    return value === undefined ? frame : parameterStatus(name, value);
  });
}
