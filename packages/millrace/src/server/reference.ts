import { OPERATIONS } from "./openapi.ts";

/** `docs/operations/http.md`, made from the operations that the listener has. */
export function httpReference(): string {
  const rows = OPERATIONS.map(
    ({ method, path, summary }) => `| ${method.toUpperCase()} | \`${path}\` | ${summary} |`,
  );
  return HEADER.replace("ROWS", () => rows.join("\n"));
}

const HEADER = `# HTTP

Made by \`node packages/millrace/src/cli/write-reference.ts\` from what the listener answers; do not edit it by hand.

\`millrace run\` listens at \`127.0.0.1:8083\` (\`--listen ADDR:PORT\`, or \`off\`).

| method | path | |
|---|---|---|
ROWS

\`/api/v1/openapi.json\` describes the answers.

## Who may ask

On loopback there is no token; requests whose Host is not this machine's and requests from web pages of another origin
are refused. Any other address needs \`--token-file\`, a file with one token of at least 16 characters, which clients send
as \`Authorization: Bearer …\`; only \`/health/…\` and the bare page at \`/\`, which asks for the token, do without. \`--tls-cert\` and \`--tls-key\` turn TLS on.

## Failures

Failures are problem documents (RFC 9457, \`application/problem+json\`) with our error code:

\`\`\`json
{"type": "urn:millrace:error:MR_NOT_FOUND", "title": "…", "status": 404, "detail": "…", "code": "MR_NOT_FOUND", "remedy": "…"}
\`\`\`

401: no token, a wrong one, or a foreign page. 404: no such path, pipeline or table. 409: the state does not allow it.
422: somebody must change something first. 503: a server cannot be reached now.

## Ready and live

\`/health/live\` says that the process answers. \`/health/ready\` says 200 when every pipeline runs, every table is in SYNC
and the lag is at most 60 seconds, else 503 with the reasons. A pipeline that is loading is live and not ready.
`;
