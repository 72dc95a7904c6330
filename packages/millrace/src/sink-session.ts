import { sqlSinkInput } from "./build-sink.ts";
import type { DsqlSinkConfig, PostgresSinkConfig } from "./config/pipeline-config.ts";
import type { Clock, Logger, Random } from "./model/ports.ts";
import {
  iamAuthentication,
  awsCredentials,
  regionOfHost,
} from "./sinks/dsql/iam-authentication.ts";
import type { AuthenticationProvider } from "./sinks/dsql/authentication.ts";
import { passwordAuthentication } from "./sinks/dsql/authentication.ts";
import { openConnection } from "./sinks/dsql/connector.ts";
import { connectGate, deafSinkObserver } from "./sinks/dsql/create-sql-sink.ts";
import { sqlSinkOptions } from "./sinks/dsql/options.ts";
import type { SqlSinkOptions } from "./sinks/dsql/options.ts";
import { DSQL, POSTGRES } from "./sinks/dsql/profile.ts";
import type { SinkConnection } from "./sinks/dsql/sink-connection.ts";

/** What opening a session needs from outside. */
export interface SessionPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** One session at a SQL sink, for looking: it takes no part in fences and changes nothing by itself. */
export function openSinkSession(
  config: DsqlSinkConfig | PostgresSinkConfig,
  ports: SessionPorts,
): Promise<SinkConnection> {
  const profile = config.kind === "dsql" ? DSQL : POSTGRES;
  const options = sqlSinkOptions(profile, sqlSinkInput(config));
  const authentication = authenticationOf(options, ports.clock);
  return openConnection({ ...ports, options, authentication, gate: connectGate(profile, ports) });
}

function authenticationOf(options: SqlSinkOptions, clock: Clock): AuthenticationProvider {
  if (!options.useIamAuth) return passwordAuthentication(options.password ?? "");
  const region = options.region ?? regionOfHost(options.host) ?? "";
  return iamAuthentication({
    host: options.host,
    region,
    admin: options.adminUser ?? options.username === "admin",
    credentials: awsCredentials({ region, role: options.iamRole }),
    clock,
    observer: deafSinkObserver,
  });
}
