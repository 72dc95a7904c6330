/** What Node says when the server's certificate or our own TLS settings are at fault; `mysql2` says HANDSHAKE_…. */
const TLS_CODES =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(VERIFY|GET)|HOSTNAME_MISMATCH|HANDSHAKE_)/;

/** Whether a connection was refused for TLS, which no retry mends. */
export function isTlsFault(code: string | null): boolean {
  return code !== null && TLS_CODES.test(code);
}
