import selfsigned from "selfsigned";

/** A certificate and its private key, as PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly private: string;
}

/** An authority of this name that signs certificates. */
export function authority(name: string): Promise<KeyPair> {
  return selfsigned.generate([{ name: "commonName", value: name }], {
    algorithm: "sha256",
    extensions: [{ name: "basicConstraints", cA: true, critical: true }],
  });
}

/** A certificate for this name, and for servers at 127.0.0.1, signed by an authority. */
export function signed(name: string, by: KeyPair): Promise<KeyPair> {
  return selfsigned.generate([{ name: "commonName", value: name }], {
    algorithm: "sha256",
    ca: { key: by.private, cert: by.cert },
    extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
  });
}
