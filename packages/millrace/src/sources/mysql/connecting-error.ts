import {
  type ConnectionAttempt,
  type ConnectionFailure,
  connectionFailure,
  placedFailure,
} from "../../errors/connection-failure.ts";
import type { MillraceError } from "../../errors/millrace-error.ts";
import type { MysqlConnectionConfig } from "./config.ts";
import { connectionError, errnoOf } from "./connection-error.ts";

/** What the operator can mend is told by the option of the file that it is about. */
export function connectingError(error: unknown, config: MysqlConnectionConfig): MillraceError {
  const { host, port, user, password, tls } = config;
  const attempt: ConnectionAttempt = {
    host,
    port,
    user,
    database: "",
    hasPassword: password !== "",
    hasToken: typeof password === "function",
    sslMode: tls === false ? "disable" : tls.mode,
    hasCa: tls !== false && tls.ca !== undefined,
    names: { host: "hostname", database: "tables" },
  };
  const mayLackCertificate = tls !== false && tls.cert === undefined;
  const failure =
    refusalOf(error, attempt, mayLackCertificate) ?? connectionFailure(error, attempt);
  const other = connectionError(error, `connecting to ${host}:${port}`);
  return failure === null ? other : placedFailure("source", failure, other);
}

/** What the servers say by their numbers; all else is said by sockets and TLS. */
function refusalOf(
  error: unknown,
  attempt: ConnectionAttempt,
  mayLackCertificate: boolean,
): ConnectionFailure | null {
  switch (errnoOf(error)) {
    case 1045:
    case 1698:
      return wrongPassword(attempt, mayLackCertificate);
    case 3159:
      return {
        option: "ssl-mode",
        wrong: `the server takes no connections without TLS, and ssl-mode is ${attempt.sslMode}`,
        remedy: "Write ssl-mode: require, or verify-full with ssl-ca",
        refused: true,
      };
    case 1130:
      return {
        option: "username",
        wrong: "the server lets nobody in from this machine's address",
        remedy: `Let an administrator make the user for it: CREATE USER '${attempt.user}'@'%'`,
        refused: true,
      };
    case 1040:
    case 1203:
    case 1226:
      return {
        option: "hostname",
        wrong: `all connections of the server, or of user ${attempt.user}, are taken`,
        remedy: "Close some, or raise max_connections or the user's MAX_USER_CONNECTIONS",
        refused: false,
      };
    default:
      return speaksNoTls(error) ? noTls(attempt) : null;
  }
}

/** The server says the same of who should have shown one. */
const CERTIFICATE = "; or, of a user who is REQUIRE X509, give ssl-cert and ssl-key";

function wrongPassword(
  { user, host, hasPassword, hasToken }: ConnectionAttempt,
  mayLackCertificate: boolean,
) {
  if (hasToken === true)
    return {
      option: "use-iam-auth",
      wrong: `the server refuses user ${user} with an IAM token for ${host}`,
      remedy:
        "The user must be IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'; give this process's AWS identity rds-db:connect on the " +
        "server's resource id and that user; hostname must be the server's own endpoint, region its region, and this machine's clock right",
      refused: true,
    };
  return {
    option: "password",
    wrong: hasPassword
      ? `the server refuses user ${user} with this password from this machine: the password is wrong, or there is no such user`
      : `the server wants a password for user ${user}, and none is given`,
    remedy: `Correct password, or username; where they are references, what they refer to${mayLackCertificate ? CERTIFICATE : ""}`,
    refused: true,
  };
}

function speaksNoTls(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "HANDSHAKE_NO_SSL_SUPPORT";
}

function noTls({ sslMode }: ConnectionAttempt): ConnectionFailure {
  return {
    option: "ssl-mode",
    wrong: `the server speaks no TLS, and ssl-mode is ${sslMode}`,
    remedy: "Turn TLS on at the server, or write ssl-mode: disable where the way is private",
    refused: true,
  };
}
