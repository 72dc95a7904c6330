/** The certificate of a cluster, made when it starts, with an authority that clients can trust. */
import { chownSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";
import { generate } from "selfsigned";

/** What TLS needs. */
export interface ClusterCertificate {
  readonly context: SecureContext;
  /** PEM of the certificate to trust. */
  readonly ca: string;
  /** Where it is kept; null when it goes with the cluster. */
  readonly caFile: string | null;
}

const VALID_DAYS = 3_650;
const DAY_MS = 86_400_000;

/** The authority of a kept cluster, in its folder: clients go on trusting it over restarts. */
const CA_FILE = "dsql-local-ca.pem";
const CA_KEY_FILE = "dsql-local-ca.key";

/**
 * Makes a certificate for these names and addresses. With `keep`, a folder, it is issued by an authority that stays
 * there; without, it is its own authority.
 */
export async function makeCertificate(
  names: readonly string[],
  keep?: string,
): Promise<ClusterCertificate> {
  const server = [
    { name: "extKeyUsage" as const, serverAuth: true },
    { name: "subjectAltName" as const, altNames: [...new Set(names)].map(altName) },
  ];
  if (keep === undefined) {
    const made = await generate(NAME, { ...options(), extensions: [...AUTHORITY, ...server] });
    return { context: contextOf(made), ca: made.cert, caFile: null };
  }
  const ca = await keptAuthority(keep);
  const made = await generate(NAME, { ...options(), ca, extensions: server });
  return { context: contextOf(made), ca: ca.cert, caFile: join(keep, CA_FILE) };
}

const NAME = [{ name: "commonName", value: "dsql-local" }];
const AUTHORITY = [
  { name: "basicConstraints" as const, cA: true, critical: true },
  { name: "keyUsage" as const, digitalSignature: true, keyCertSign: true, critical: true },
];

function options() {
  return {
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + VALID_DAYS * DAY_MS),
    keyType: "ec" as const,
    curve: "P-256" as const,
    algorithm: "sha256" as const,
  };
}

function contextOf(made: { readonly private: string; readonly cert: string }): SecureContext {
  return createSecureContext({ key: made.private, cert: made.cert });
}

async function keptAuthority(folder: string): Promise<{ key: string; cert: string }> {
  const [certFile, keyFile] = [join(folder, CA_FILE), join(folder, CA_KEY_FILE)];
  if (existsSync(certFile) && existsSync(keyFile))
    return { key: readFileSync(keyFile, "utf8"), cert: readFileSync(certFile, "utf8") };
  const name = [{ name: "commonName", value: "dsql-local authority" }];
  const made = await generate(name, { ...options(), extensions: AUTHORITY });
  const { uid, gid } = statSync(folder);
  for (const [file, text] of [
    [keyFile, made.private],
    [certFile, made.cert],
  ] as const) {
    rmSync(file, { force: true });
    writeFileSync(file, text, { mode: 0o600 });
    // PostgreSQL looks at every file of its folder when it starts after a crash.
    chownSync(file, uid, gid);
  }
  return { key: made.private, cert: made.cert };
}

function altName(name: string): { type: 2; value: string } | { type: 7; ip: string } {
  return /^[\d.]+$|:/.test(name) ? { type: 7, ip: name } : { type: 2, value: name };
}
