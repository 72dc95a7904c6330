/** The command line, read into options; all problems at once. */
import { parseArgs } from "node:util";
import type { Credential, DynamodbLocalOptions } from "./options.ts";

/** What the command line asks for. */
export type Command =
  | { readonly kind: "run"; readonly options: DynamodbLocalOptions; readonly json: boolean }
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** Printed by --help. */
export const helpText = `dynamodb-local: DynamoDB, its Streams, the search by tags and STS, on this machine

  --port N              port to listen on (8000; 0 takes a free one)
  --host ADDR           address to listen on (127.0.0.1)
  --account ID          the account of access keys that say none (123456789012)
  --key ID:SECRET[:ACCOUNT]
                        a key that may be used, its signatures are checked; may be repeated
                        (default: any key, unchecked)
  --shards N            shards that a stream begins with (by the table's throughput; 4 on demand)
  --state MS            how long tables and streams take to be made, changed, deleted (0)
  --throttle            refuse what is over a table's throughput
  --burst SECONDS       unused throughput that can be used later (300)
  --stream-limits       10 DescribeStream and, per shard, 5 GetRecords a second
  --tag-delay MS        how long tags take to be found by GetResources (0)
  --ttl-sweep MS        how often items whose time is over are deleted (10000; 0: when asked)
  --control ADDR:PORT   HTTP: faults, clock, shards, roles, counters, reset
  --json                one JSON line on stdout when ready
  --help
`;

const OPTIONS = {
  port: { type: "string" },
  host: { type: "string" },
  account: { type: "string" },
  key: { type: "string", multiple: true },
  shards: { type: "string" },
  state: { type: "string" },
  throttle: { type: "boolean" },
  burst: { type: "string" },
  "stream-limits": { type: "boolean" },
  "tag-delay": { type: "string" },
  "ttl-sweep": { type: "string" },
  control: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean" },
} as const;

const DEFAULT_PORT = "8000";
const MOST_PORT = 65_535;

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
  const whole = (flag: string, value: string | undefined, least = 0): number | undefined =>
    wholeOf(flag, value, least, problems);
  const port = whole("--port", values.port ?? DEFAULT_PORT);
  if ((port ?? 0) > MOST_PORT)
    problems.push(`--port: ${values.port} is not a port; use 0 to 65535`);
  if (values.account !== undefined && !/^\d{12}$/.test(values.account)) {
    problems.push(`--account: ${values.account} is not twelve digits`);
  }
  const options: DynamodbLocalOptions = {
    ...given("port", port),
    ...given("host", values.host),
    ...given("account", values.account),
    ...given(
      "credentials",
      values.key?.flatMap((key) => credentialOf(key, problems)),
    ),
    ...given("shards", whole("--shards", values.shards, 1)),
    ...given("stateMs", whole("--state", values.state)),
    ...given("throttle", values.throttle),
    ...given("burstSeconds", whole("--burst", values.burst, 1)),
    ...given("streamLimits", values["stream-limits"]),
    ...given("tagDelayMs", whole("--tag-delay", values["tag-delay"])),
    ...given("ttlSweepMs", whole("--ttl-sweep", values["ttl-sweep"])),
    ...given("control", values.control),
  };
  if (problems.length > 0) return { kind: "invalid", problems };
  return { kind: "run", options, json: values.json === true };
}

/** A key's secret is never in a message. */
function credentialOf(key: string, problems: string[]): readonly Credential[] {
  const [accessKeyId, secretAccessKey, account] = key.split(":");
  if (!accessKeyId || !secretAccessKey || (account !== undefined && !/^\d{12}$/.test(account))) {
    problems.push("--key: expected ID:SECRET or ID:SECRET:ACCOUNT, the account in twelve digits");
    return [];
  }
  return [{ accessKeyId, secretAccessKey, ...given("account", account) }];
}

function wholeOf(
  flag: string,
  value: string | undefined,
  least: number,
  problems: string[],
): number | undefined {
  if (value === undefined) return undefined;
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= least)) problems.push(`${flag}: ${value} is not a whole number from ${least} on`);
  return number;
}

function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  const out: { [P in K]?: V } = {};
  if (value !== undefined) out[key] = value;
  return out;
}
