import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import type { KafkaSinkConfig, KafkaSourceConfig, TlsConfig } from "./config/pipeline-config.ts";
import type { ClusterOptions } from "./kafka/cluster-options.ts";

/** How a file's cluster is reached. The password is revealed here and nowhere else. */
export function clusterOptions(
  config: KafkaSinkConfig | KafkaSourceConfig,
): Omit<ClusterOptions, "clock"> {
  const { username, password } = config;
  const login =
    username === null || password === null
      ? null
      : { mechanism: config.saslMechanism, username, password: password.reveal() };
  return {
    bootstrap: config.brokers,
    clientId: config.clientId,
    tls: tlsOf(config.tls),
    sasl: login,
    connectTimeoutMs: config.connectTimeoutMs,
    requestTimeoutMs: config.requestTimeoutMs,
  };
}

function tlsOf({ mode, caFile, certFile, keyFile }: TlsConfig): ConnectionOptions | null {
  if (mode === "disable") return null;
  const pem = (name: "ca" | "cert" | "key", file: string | null): ConnectionOptions =>
    file === null ? {} : { [name]: readFileSync(file, "utf8") };
  return {
    ...pem("ca", caFile),
    ...pem("cert", certFile),
    ...pem("key", keyFile),
    rejectUnauthorized: mode !== "require",
    ...(mode === "verify-ca" ? { checkServerIdentity: () => undefined } : {}),
  };
}
