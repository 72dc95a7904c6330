/** The command line, read into options; all problems at once. */
import { parseArgs } from "node:util";
import type { DsqlLocalOptions } from "./options.ts";
import { profileDays } from "./rules/profile.ts";

/** What the command line asks for. */
export type Command =
  | { readonly kind: "run"; readonly options: DsqlLocalOptions; readonly json: boolean }
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** Printed by --help. */
export const helpText = `dsql-local: Aurora DSQL's rules in front of a real PostgreSQL, on this machine

  --port N              port to listen on (5432; 0 takes a free one)
  --host ADDR           address to listen on (127.0.0.1)
  --data DIR            keep the data here over restarts (default: a temporary cluster)
  --postgres URL        a PostgreSQL 16 of yours instead of the embedded one (superuser)
  --auth iam|trust      check tokens as the service does, or take any password (trust)
  --tls on|off          TLS with a certificate made at start (on)
  --access-key ID       key that tokens must be signed with ...
  --secret-key KEY      ... and its secret
  --host-name NAME      a further name clients may use; may be repeated
  --profile DATE        the service's rules as of this day: 2026-09-15 (the newest), 2026-08-24
  --statement-delay MS  what each statement takes besides its work, as over a distance (0)
  --commit-delay MS     what each COMMIT of a write takes besides its work (0)
  --job-delay MS        how long an asynchronous job takes at least (0)
  --control ADDR:PORT   HTTP: faults, delays, counters, reset
  --json                one JSON line on stdout when ready
  --help
`;

const OPTIONS = {
  port: { type: "string" },
  host: { type: "string" },
  data: { type: "string" },
  postgres: { type: "string" },
  auth: { type: "string" },
  tls: { type: "string" },
  "access-key": { type: "string" },
  "secret-key": { type: "string" },
  "host-name": { type: "string", multiple: true },
  profile: { type: "string" },
  "statement-delay": { type: "string" },
  "commit-delay": { type: "string" },
  "job-delay": { type: "string" },
  control: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean" },
} as const;

const DEFAULT_PORT = 5432;

/** Reads arguments. */
export function readCommand(args: readonly string[]): Command {
  let values;
  try {
    ({ values } = parseArgs({ args: [...args], options: OPTIONS, strict: true }));
  } catch (error) {
    return { kind: "invalid", problems: [error instanceof Error ? error.message : String(error)] };
  }
  if (values.help === true) return { kind: "help", text: helpText };
  const problems: string[] = [];
  const port = portOf(values.port, problems);
  const auth = oneOf("--auth", values.auth, ["iam", "trust"] as const, problems);
  const tls = oneOf("--tls", values.tls, ["on", "off"] as const, problems);
  problems.push(...wrongPairs(values));
  if (values.profile !== undefined && !profileDays.includes(values.profile)) {
    problems.push(`--profile: ${values.profile} is not one of ${profileDays.join(", ")}`);
  }
  const statementDelayMs = milliseconds("--statement-delay", values["statement-delay"], problems);
  const commitDelayMs = milliseconds("--commit-delay", values["commit-delay"], problems);
  const jobDelayMs = milliseconds("--job-delay", values["job-delay"], problems);
  if (problems.length > 0) return { kind: "invalid", problems };
  const options = {
    port,
    ...given("host", values.host),
    ...given("dataDir", values.data),
    ...given("postgresUrl", values.postgres),
    ...given("auth", auth),
    ...given("tls", tls),
    ...given("accessKeyId", values["access-key"]),
    ...given("secretAccessKey", values["secret-key"]),
    ...given("hostNames", values["host-name"]),
    ...given("profile", values.profile),
    ...given("statementDelayMs", statementDelayMs),
    ...given("commitDelayMs", commitDelayMs),
    ...given("jobDelayMs", jobDelayMs),
    ...given("control", values.control),
  };
  return { kind: "run", options, json: values.json === true };
}

/** Options that go together, and that do not. */
function wrongPairs(values: Readonly<Record<string, unknown>>): string[] {
  const problems: string[] = [];
  if ((values["access-key"] === undefined) !== (values["secret-key"] === undefined))
    problems.push("--access-key and --secret-key go together");
  if (values["data"] !== undefined && values["postgres"] !== undefined)
    problems.push("--data and --postgres exclude each other");
  return problems;
}

function portOf(value: string | undefined, problems: string[]): number {
  const port = Number(value ?? DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    problems.push(`--port: ${value} is not a port; use 0 to 65535`);
  }
  return port;
}

function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  const out: { [P in K]?: V } = {};
  if (value !== undefined) out[key] = value;
  return out;
}

function milliseconds(
  flag: string,
  value: string | undefined,
  problems: string[],
): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d{1,6}$/.test(value)) problems.push(`${flag}: ${value} is not a number of milliseconds`);
  return Number(value);
}

function oneOf<T extends string>(
  flag: string,
  value: string | undefined,
  allowed: readonly T[],
  problems: string[],
): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) problems.push(`${flag}: ${value} is not one of ${allowed.join(", ")}`);
  return found;
}
