import { optional } from "../option.ts";
import { choice, path } from "../option-type.ts";

/** How much a TLS connection proves; PostgreSQL's words less `prefer`, which promises nothing. */
export const sslMode = choice(["disable", "require", "verify-ca", "verify-full"], {
  prefer: {
    wrong: "falls back to plain text without a word",
    remedy: "Write require where the server has TLS, disable where it has none",
  },
  allow: {
    wrong: "falls back to TLS without proof",
    remedy: "Write require where the server has TLS, disable where it has none",
  },
});

/** What a loopback connection and any other one get without `ssl-mode`. */
export const SSL_MODE_DEFAULT_DOC =
  "`verify-full` where `ssl-ca` is given, else `require`; `disable` on this machine's own addresses";

/** What `ssl-mode` means, for the reference. */
export const SSL_MODE_DOC =
  "`disable`: no TLS. `require`: TLS without proof of who answers. `verify-ca`: its certificate is signed by a known authority. `verify-full`: and it is for this host name.";

/** Files of certificates, the same for every connector that speaks PostgreSQL's protocol. */
export const TLS_FILES = {
  sslCa: optional(path, {
    name: "ssl-ca",
    example: "certs/ca.pem",
    doc: "PEM file of the authorities that may have signed the server's certificate; the system's without it.",
  }),
  sslCert: optional(path, {
    name: "ssl-cert",
    example: "certs/client.pem",
    doc: "PEM file of the client's certificate, for servers that ask for one. Needs `ssl-key`.",
  }),
  sslKey: optional(path, {
    name: "ssl-key",
    example: "certs/client.key",
    doc: "PEM file of the client certificate's key.",
  }),
} as const;
