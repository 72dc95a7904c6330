import { MillraceError } from "./millrace-error.ts";

/** How a server was to be reached: what a message may name. No password. */
export interface ConnectionAttempt {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly hasPassword: boolean;
  /** The password is an IAM token that was just signed. */
  readonly hasToken?: boolean;
  readonly sslMode: string;
  readonly hasCa: boolean;
  /** How the pipeline file calls the options that are named otherwise at sources and sinks. */
  readonly names: { readonly host: string; readonly database: string };
}

/** A failure to connect, for people. */
export interface ConnectionFailure {
  /** The option of the pipeline file that is most likely at fault. */
  readonly option: string;
  readonly wrong: string;
  readonly remedy: string;
  /** No retry mends it: somebody must change something. */
  readonly refused: boolean;
}

/** The failure as an error that names the option, `source.password`; its code and facts go on from `other`. */
export function placedFailure(
  side: "source" | "sink",
  { option, wrong, remedy, refused }: ConnectionFailure,
  other: MillraceError,
): MillraceError {
  const [refusal, loss] =
    side === "source"
      ? (["MR_SOURCE_REFUSED", "MR_SOURCE_LOST_CONNECTION"] as const)
      : (["MR_SINK_REFUSED", "MR_SINK_LOST_CONNECTION"] as const);
  const path = `${side}.${option}`;
  return new MillraceError(refused ? refusal : loss, `${path}: ${wrong}`, {
    remedy: `${remedy}.`,
    facts: { ...other.facts, option: path },
    ...(other.cause === undefined ? {} : { cause: other.cause }),
  });
}

/** What `pg` and Node say: SQLSTATE or errno, and a message that holds names and no secret. */
interface Said {
  readonly code: string;
  readonly message: string;
}

interface Rule {
  readonly when: (said: Said, attempt: ConnectionAttempt) => boolean;
  readonly tell: (attempt: ConnectionAttempt, said: Said) => ConnectionFailure;
}

/** The words for a failure to connect that an operator can do something about; null for any other. */
export function connectionFailure(
  error: unknown,
  attempt: ConnectionAttempt,
): ConnectionFailure | null {
  const said = { code: textAt(error, "code"), message: textAt(error, "message") };
  return RULES.find((rule) => rule.when(said, attempt))?.tell(attempt, said) ?? null;
}

function textAt(error: unknown, name: string): string {
  const value: unknown =
    typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined;
  return typeof value === "string" ? value : "";
}

const code =
  (...codes: readonly string[]) =>
  (said: Said) =>
    codes.includes(said.code);

const message = (pattern: RegExp) => (said: Said) => pattern.test(said.message);

const UNTRUSTED = code(
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
);

const NETWORK_RULES: readonly Rule[] = [
  {
    when: code("ENOTFOUND"),
    tell: ({ host, names }) => ({
      option: names.host,
      wrong: `there is no host of the name ${host}`,
      remedy: `Correct ${names.host}, or this machine's name service`,
      refused: false,
    }),
  },
  {
    when: code("EAI_AGAIN"),
    tell: ({ host, names }) => ({
      option: names.host,
      wrong: `the name ${host} cannot be looked up: the name service does not answer`,
      remedy: "Check this machine's network",
      refused: false,
    }),
  },
  {
    when: code("ECONNREFUSED", "ENOENT"),
    tell: (attempt) => ({
      option: "port",
      wrong: `nothing listens at ${addressOf(attempt)}`,
      remedy: `Start the server, or correct ${attempt.names.host} and port`,
      refused: false,
    }),
  },
  {
    when: (said) =>
      code("ETIMEDOUT")(said) || message(/timeout expired|due to connection timeout/)(said),
    tell: (attempt) => ({
      option: attempt.names.host,
      wrong: `${addressOf(attempt)} does not answer`,
      remedy: `Check ${attempt.names.host} and port, and whether a firewall stands between`,
      refused: false,
    }),
  },
  {
    when: code("EHOSTUNREACH", "ENETUNREACH"),
    tell: (attempt) => ({
      option: attempt.names.host,
      wrong: `there is no way from this machine to ${addressOf(attempt)}`,
      remedy: `Check ${attempt.names.host} and the network`,
      refused: false,
    }),
  },
];

const TLS_RULES: readonly Rule[] = [
  {
    when: message(/does not support SSL connections/),
    tell: ({ sslMode }) => ({
      option: "ssl-mode",
      wrong: `the server speaks no TLS, and ssl-mode is ${sslMode}`,
      remedy: "Turn TLS on at the server, or write ssl-mode: disable where the way is private",
      refused: true,
    }),
  },
  {
    when: UNTRUSTED,
    tell: ({ hasCa }) => ({
      option: "ssl-ca",
      wrong: hasCa
        ? "the authorities in this file have not signed the server's certificate"
        : "is not given, and no authority that this machine knows has signed the server's certificate",
      remedy: "Write ssl-ca: with the path of the PEM file of the authority that signed it",
      refused: true,
    }),
  },
  {
    when: code("ERR_TLS_CERT_ALTNAME_INVALID", "HOSTNAME_MISMATCH"),
    tell: ({ host, names }) => ({
      option: names.host,
      wrong: `the server's certificate is not for the name ${host}`,
      remedy: `Write the name that it is for as ${names.host}, or ssl-mode: verify-ca`,
      refused: true,
    }),
  },
  {
    when: code("CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"),
    tell: (_attempt, said) => ({
      option: "ssl-mode",
      wrong: `the server's certificate ${said.code === "CERT_HAS_EXPIRED" ? "has expired" : "is not valid yet"}`,
      remedy: "Renew it at the server, or compare this machine's clock",
      refused: true,
    }),
  },
  {
    when: message(/requires a valid client certificate/),
    tell: () => ({
      option: "ssl-cert",
      wrong: "the server wants a client certificate",
      remedy: "Write ssl-cert: and ssl-key: with the paths of its PEM files",
      refused: true,
    }),
  },
];

const ROLE_RULES: readonly Rule[] = [
  {
    when: (said, { hasToken }) =>
      hasToken === true && (code("28P01")(said) || message(/PAM authentication failed/)(said)),
    tell: ({ user, host }) => ({
      option: "use-iam-auth",
      wrong: `the server refuses role ${user} with an IAM token for ${host}`,
      remedy:
        `Let an administrator run GRANT rds_iam TO "${user.replaceAll('"', '""')}"; give this process's AWS identity ` +
        "rds-db:connect on the server's resource id and that role; hostname must be the server's own endpoint, region its region, " +
        "and this machine's clock right",
      refused: true,
    }),
  },
  {
    when: message(/client password must be/),
    tell: ({ user }) => ({
      option: "password",
      wrong: `the server wants a password for role ${user}, and none is given`,
      remedy: "Write password: with a reference such as ${env:PGPASSWORD}",
      refused: true,
    }),
  },
  {
    when: code("28P01"),
    tell: ({ user, hasPassword }) => ({
      option: "password",
      wrong: hasPassword
        ? `the server refuses role ${user} with this password: the password is wrong, or there is no such role`
        : `the server wants a password for role ${user}, and none is given`,
      remedy: "Correct password, or username; where they are references, what they refer to",
      refused: true,
    }),
  },
  {
    when: (said) => code("28000")(said) && message(/does not exist/)(said),
    tell: ({ user }) => ({
      option: "username",
      wrong: `the server has no role ${user}`,
      remedy: `Correct username, or let an administrator run CREATE ROLE with LOGIN for it`,
      refused: true,
    }),
  },
  {
    when: (said) => code("28000")(said) && message(/not permitted to log in/)(said),
    tell: ({ user }) => ({
      option: "username",
      wrong: `role ${user} may not log in`,
      remedy: "Let an administrator run ALTER ROLE with LOGIN for it",
      refused: true,
    }),
  },
  {
    when: message(/no pg_hba\.conf entry/),
    tell: ({ user, database }, said) => ({
      option: "username",
      wrong: `the server's pg_hba.conf lets nobody in from this machine as role ${user} to database ${database}${/no encryption/.test(said.message) ? " without TLS" : ""}`,
      remedy: /no encryption/.test(said.message)
        ? "Write ssl-mode: verify-full, or let an administrator add a line to pg_hba.conf"
        : "Let an administrator add a line to pg_hba.conf",
      refused: true,
    }),
  },
  {
    when: code("3D000"),
    tell: ({ database, names }) => ({
      option: names.database,
      wrong: `the server has no database ${database}`,
      remedy: `Correct ${names.database}, or make the database`,
      refused: true,
    }),
  },
  {
    when: (said) => code("42501")(said) && message(/permission denied for database/)(said),
    tell: ({ database, user }) => ({
      option: "username",
      wrong: `role ${user} may not connect to database ${database}`,
      remedy: `Let an administrator run GRANT CONNECT ON DATABASE for it`,
      refused: true,
    }),
  },
  {
    when: code("53300"),
    tell: (attempt) => ({
      option: attempt.names.host,
      wrong: `all connections of ${addressOf(attempt)} are taken`,
      remedy: "Close some, or raise max_connections",
      refused: false,
    }),
  },
];

const RULES: readonly Rule[] = [...NETWORK_RULES, ...TLS_RULES, ...ROLE_RULES];

function addressOf({ host, port }: ConnectionAttempt): string {
  if (host.startsWith("/")) return `${host}/.s.PGSQL.${port}`;
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
