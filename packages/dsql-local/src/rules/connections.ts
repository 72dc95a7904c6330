/** Opening, holding and losing a connection. */
import { bounds } from "./bounds.ts";
import type { Rule } from "./rule.ts";

const ACCESS_DENIED = "unable to accept connection, access denied";

/** Rows keyed by a short name. */
export const connectionRules = {
  accessDenied: {
    code: "08006",
    severity: "FATAL",
    text: ACCESS_DENIED,
    hint: "{reason}",
    source: "A, T, AU",
    fidelity: "close",
    kept: "when the password message arrives; the hint says why",
  },
  noServerName: {
    code: "08006",
    severity: "FATAL",
    text: "unable to accept connection, sni was not received",
    source: "AU",
    fidelity: "close",
    kept: "at start-up, only with the option requireServerName",
  },
  plaintext: {
    code: "08006",
    severity: "FATAL",
    text: ACCESS_DENIED,
    hint: "SSL connection is required",
    source: "ours",
    fidelity: "unknown",
    kept: "at start-up without TLS while TLS is on",
  },
  tooManyConnections: {
    code: "53300",
    severity: "FATAL",
    text: "Unable to accept connection, too many open connections.",
    limit: bounds.connections,
    source: "Q",
    fidelity: "close",
    kept: "at start-up; also where the PostgreSQL behind holds fewer, the embedded one 1,000",
  },
  connectRate: {
    code: "53400",
    severity: "FATAL",
    text: "Unable to accept connection, rate exceeded.",
    limit: bounds.connectsPerSecond,
    source: "Q",
    fidelity: "close",
    kept: "at start-up, token bucket of 1,000 refilled at 100 a second",
  },
  wakingUp: {
    code: "08006",
    severity: "FATAL",
    text: "unable to accept connection, waking up cluster, please retry later",
    source: "T",
    fidelity: "close",
    kept: "only as a fault switched on at the control port; which code comes with it is not known",
  },
  database: {
    code: "3D000",
    severity: "FATAL",
    text: 'database "{name}" does not exist',
    source: "Q",
    fidelity: "unknown",
    kept: "at start-up: the only database is postgres",
  },
  serverUnavailable: {
    code: "XX000",
    severity: "FATAL",
    text: "server unavailable",
    source: "G, L",
    fidelity: "close",
    kept: "only as a fault switched at the control port, or when the PostgreSQL behind is gone",
  },
  protocol: {
    code: "08P01",
    severity: "FATAL",
    text: "{reason}",
    source: "PostgreSQL",
    fidelity: "close",
    kept: "bytes that are no message of the protocol close the connection",
  },
} as const satisfies Record<string, Rule>;
