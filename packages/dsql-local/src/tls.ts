/** The certificate of a cluster, made when it starts, with an authority that clients can trust. */
import { createSecureContext, type SecureContext } from "node:tls";
import { generate } from "selfsigned";

/** What TLS needs. */
export interface ClusterCertificate {
  readonly context: SecureContext;
  /** PEM of the certificate to trust. */
  readonly ca: string;
}

const VALID_DAYS = 3_650;
const DAY_MS = 86_400_000;

/** Makes a certificate for these names and addresses. */
export async function makeCertificate(names: readonly string[]): Promise<ClusterCertificate> {
  const made = await generate([{ name: "commonName", value: "dsql-local" }], {
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + VALID_DAYS * DAY_MS),
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", digitalSignature: true, keyCertSign: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      { name: "subjectAltName", altNames: [...new Set(names)].map(altName) },
    ],
  });
  return {
    context: createSecureContext({ key: made.private, cert: made.cert }),
    ca: made.cert,
  };
}

function altName(name: string): { type: 2; value: string } | { type: 7; ip: string } {
  return /^[\d.]+$|:/.test(name) ? { type: 7, ip: name } : { type: 2, value: name };
}
